// The tenant's schemas, each version a JSON Schema in a file of its own that never changes
// (docs/formats/schema.md): <tenant>/schemas/event-2-<checksum>.json. The highest number is the one
// that holds; a kind without a file has the built-in schema as its version 1.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "events/schema/contract.h"
#include "events/schema/schema_change.h"

namespace palate {

// A document that may be a schema of this kind. Errors: kInvalidArgument.
Result<SchemaNode> parse_schema_of(Stream stream, const std::string& text);

class SchemaRegistry {
 public:
  // Reads what is there now. Errors: kCorrupt with the file's name, kUnsupportedVersion (a keyword
  // that this program does not know), kIo.
  static Result<SchemaRegistry> open(const Path& tenant_directory);

  struct Entry {
    uint32_t number = 1;
    SchemaNode schema;
    std::string text;  // the document
  };
  // Ascending, at least one.
  [[nodiscard]] const std::vector<Entry>& versions(Stream stream) const;
  // Errors: kNotFound, naming those that are there.
  [[nodiscard]] Result<const Entry*> version(Stream stream, uint32_t number) const;
  [[nodiscard]] const Entry& current(Stream stream) const { return versions(stream).back(); }

  // Makes `text` the next version, durably, under a lock against others. Returns its number, or
  // that of the current one when nothing changes. Errors: kInvalidArgument, kConflict for a change
  // that `wanted` forbids or that somebody else made meanwhile, kNoSpace, kIo.
  Result<uint32_t> evolve(Stream stream, const std::string& text, Compatibility wanted);

  [[nodiscard]] std::shared_ptr<const Contract> contract(const EventTypes& types,
                                                         References known = {}) const;

 private:
  explicit SchemaRegistry(Path folder) : folder_(std::move(folder)) {}
  Status read();
  Path folder_;
  std::array<std::vector<Entry>, 3> versions_;
};

}  // namespace palate
