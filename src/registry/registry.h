// The registry: versions of artefacts and releases (the sets of artefacts that are served
// together), as a directory:
//
//   models/<kind>/<version>/        artefacts; versions are six digits, counted up
//   releases/<number>.json          which version of each kind belongs together, when and why
//   releases/CURRENT                the number that is live; replaced atomically, so readers see
//   old or new
//
// Several processes may use it at once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "artefact/artefact.h"
#include "base/file.h"
#include "base/result.h"

namespace palate {

struct Release {
  uint64_t number = 0;
  std::string created;  // RFC 3339
  std::string note;
  std::map<std::string, std::string> artefacts;  // kind to version
};

class Registry {
 public:
  explicit Registry(Path tenant_directory);

  // Reserves the next version of `kind` and starts its artefact; it exists once the writer commits.
  Result<ArtefactWriter> start(std::string_view kind);
  [[nodiscard]] Result<std::vector<std::string>> versions(
      std::string_view kind) const;  // ascending
  [[nodiscard]] Path artefact_path(std::string_view kind, std::string_view version) const;
  Result<std::shared_ptr<const Artefact>> open(std::string_view kind,
                                               std::string_view version) const;
  [[nodiscard]] Result<std::vector<std::string>> kinds() const;

  // Writes the next release and makes it current. Kinds not named keep the version they have in the
  // current one.
  Result<Release> release(const std::map<std::string, std::string>& artefacts, std::string note);
  // The live one, or nullopt before the first.
  [[nodiscard]] Result<std::optional<Release>> current() const;
  [[nodiscard]] Result<Release> get(uint64_t number) const;
  // Makes an older release current again. Errors: kNotFound.
  Status roll_back(uint64_t number);
  // Removes artefacts that none of the newest `keep` releases names and that are older than the
  // newest of their kind.
  Result<size_t> prune(size_t keep);

 private:
  Path root_;
};

}  // namespace palate
