#include "registry/registry.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "artefact/manifest.h"
#include "base/hash.h"
#include "base/time.h"
#include "registry/directory.h"
#include "registry/release.h"

namespace palate {
namespace {

using namespace registry;

constexpr std::string_view kModels = "models";
constexpr std::string_view kReleases = "releases";
constexpr std::string_view kCurrent = "CURRENT";
constexpr size_t kCurrentBytesMax = 32;
constexpr size_t kReleaseBytesMax = size_t{1} << 20;

// Numbers are given and files removed under one lock. It is held for milliseconds, so a holder is
// waited for; a crash gives it back.
Result<FileLock> lock_registry(const Path& root) {
  constexpr auto kWait = std::chrono::milliseconds(5);
  constexpr int kTries = 2'000;
  TRY(make_directories(root));
  for (int attempt = 0; attempt < kTries; ++attempt) {
    auto lock = FileLock::acquire(root / "registry.lock");
    if (lock || lock.error().code != Code::kConflict) return lock;
    std::this_thread::sleep_for(kWait);
  }
  return fail(Code::kBusy, "{} has been locked by another process for ten seconds; try again",
              (root / "registry.lock").string());
}

Path release_path(const Path& root, uint64_t number) {
  return root / kReleases / (version_name(number) + ".json");
}

std::string current_line(uint64_t number) {
  const std::string name = version_name(number);
  return fmt::format("{} {:08x}\n", name, static_cast<uint32_t>(hash64(name)));
}

// The numbers of the releases that were written, ascending.
Result<std::vector<uint64_t>> release_numbers(const Path& root) {
  constexpr std::string_view kSuffix = ".json";
  std::vector<uint64_t> numbers;
  for (const std::string_view name : TRY(names_in(root / kReleases))) {
    if (!name.ends_with(kSuffix)) continue;
    const auto number = version_number(name.substr(0, name.size() - kSuffix.size()));
    if (number) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Status check_artefacts(const Registry& registry, const Release& release) {
  for (const auto& [kind, version] : release.artefacts) {
    TRY(check_kind(kind));
    const Path path = registry.artefact_path(kind, version);
    std::error_code error;
    if (!version_number(version) || !std::filesystem::exists(path / kManifestFile, error)) {
      return fail(Code::kNotFound, "there is no artefact '{}' of version '{}' ({})", kind, version,
                  path.string());
    }
  }
  return {};
}

// The highest number of `kind` that anybody has or had in hand.
Result<uint64_t> highest_number(const Path& directory) {
  uint64_t highest = 0;
  for (const auto& name : TRY(names_in(directory))) {
    highest = std::max(highest, version_number(name).value_or(0));
    highest = std::max(highest, claim_number(name).value_or(0));
  }
  return highest;
}

// A claim below the highest number has done its work: numbers only go up.
Status remove_claims_below(const Path& directory, uint64_t highest) {
  for (const auto& name : TRY(names_in(directory))) {
    if (claim_number(name).value_or(highest) >= highest) continue;
    std::error_code error;
    std::filesystem::remove(directory / name, error);
    if (error) return std::unexpected(errno_error(error.value(), "remove", directory / name));
  }
  return {};
}

}  // namespace

Registry::Registry(Path tenant_directory) : root_(std::move(tenant_directory)) {}

Path Registry::artefact_path(std::string_view kind, std::string_view version) const {
  return root_ / kModels / kind / version;
}

Result<ArtefactWriter> Registry::start(std::string_view kind) {
  TRY(check_kind(kind));
  const auto lock = TRY(lock_registry(root_));
  const Path directory = root_ / kModels / kind;
  // What trainers left that were killed.
  remove_trash(directory);
  remove_leftovers(directory);
  remove_leftovers(root_ / kReleases);
  const uint64_t number = TRY(highest_number(directory)) + 1;
  TRY(make_directories(directory / claim_name(number)));
  TRY(remove_claims_below(directory, number));
  auto writer = TRY(ArtefactWriter::create(directory / version_name(number)));
  writer.manifest.kind = kind;
  writer.manifest.version = version_name(number);
  writer.manifest.created = format_rfc3339(now());
  return writer;
}

Result<std::vector<std::string>> Registry::versions(std::string_view kind) const {
  TRY(check_kind(kind));
  std::vector<uint64_t> numbers;
  for (const auto& name : TRY(names_in(root_ / kModels / kind))) {
    if (const auto number = version_number(name)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  std::vector<std::string> versions;
  for (const uint64_t number : numbers) versions.push_back(version_name(number));
  return versions;
}

Result<std::shared_ptr<const Artefact>> Registry::open(std::string_view kind,
                                                       std::string_view version) const {
  TRY(check_artefacts(*this, {0, "", "", {{std::string(kind), std::string(version)}}}));
  auto artefact = TRY(Artefact::open(artefact_path(kind, version)));
  const auto& manifest = artefact->manifest();
  if (manifest.kind != kind || manifest.version != version) {
    return fail(Code::kCorrupt, "{} says in its manifest that it is '{}' of version '{}'",
                artefact->path().string(), manifest.kind, manifest.version);
  }
  return artefact;
}

Result<std::vector<std::string>> Registry::kinds() const {
  std::vector<std::string> kinds;
  for (const auto& name : TRY(names_in(root_ / kModels))) {
    if (check_kind(name) && !TRY(versions(name)).empty()) kinds.push_back(name);
  }
  return kinds;
}

Result<Release> Registry::release(const std::map<std::string, std::string>& artefacts,
                                  std::string note) {
  const auto lock = TRY(lock_registry(root_));
  Release next{0, format_rfc3339(now()), std::move(note), artefacts};
  if (const auto before = TRY(current())) {
    for (const auto& [kind, version] : before->artefacts) next.artefacts.emplace(kind, version);
  }
  if (next.artefacts.empty()) {
    return fail(Code::kInvalidArgument, "a release needs at least one artefact; train a model");
  }
  TRY(check_artefacts(*this, next));
  const auto numbers = TRY(release_numbers(root_));
  next.number = numbers.empty() ? 1 : numbers.back() + 1;
  TRY(make_directories(root_ / kReleases));
  TRY(write_file_atomically(release_path(root_, next.number), TRY(to_json(next))));
  TRY(write_file_atomically(root_ / kReleases / kCurrent, current_line(next.number)));
  return next;
}

Result<std::optional<Release>> Registry::current() const {
  const Path path = root_ / kReleases / kCurrent;
  const auto text = read_file(path, kCurrentBytesMax);
  if (!text && text.error().code == Code::kNotFound) return std::nullopt;
  if (!text) return std::unexpected(text.error());
  // Beside the number its checksum, else a flipped bit could name another release. A palate before
  // this one wrote the number alone.
  const auto number = version_number(std::string_view(*text).substr(0, text->find_first_of(" \n")));
  const bool whole =
      number && (*text == current_line(*number) || *text == version_name(*number) + "\n");
  if (!whole) {
    return fail(Code::kCorrupt, "{} does not hold the number of a release; roll back to one",
                path.string());
  }
  return TRY(get(*number));
}

Result<Release> Registry::get(uint64_t number) const {
  const Path path = release_path(root_, number);
  const auto text = read_file(path, kReleaseBytesMax);
  if (!text && text.error().code == Code::kNotFound) {
    return fail(Code::kNotFound, "there is no release {} ({})", number, path.string());
  }
  if (!text) return std::unexpected(text.error());
  auto release = release_from_json(*text);
  if (!release) return std::unexpected(release.error().within(path.string()));
  if (release->number != number) {
    return fail(Code::kCorrupt, "{} says that it is release {}", path.string(), release->number);
  }
  return release;
}

Status Registry::roll_back(uint64_t number) {
  const auto lock = TRY(lock_registry(root_));
  TRY(check_artefacts(*this, TRY(get(number))));
  return write_file_atomically(root_ / kReleases / kCurrent, current_line(number));
}

Result<size_t> Registry::prune(size_t keep) {
  const auto lock = TRY(lock_registry(root_));
  std::set<std::pair<std::string, std::string>> named;
  auto kept = TRY(release_numbers(root_));
  kept.erase(kept.begin(), kept.end() - static_cast<ptrdiff_t>(std::min(keep, kept.size())));
  for (const uint64_t number : kept) {
    const auto release = TRY(get(number));
    named.insert(release.artefacts.begin(), release.artefacts.end());
  }
  if (const auto live = TRY(current())) {
    named.insert(live->artefacts.begin(), live->artefacts.end());
  }
  size_t removed = 0;
  for (const auto& kind : TRY(names_in(root_ / kModels))) {
    if (!check_kind(kind)) continue;
    auto all = TRY(versions(kind));
    if (!all.empty()) all.pop_back();
    for (const auto& version : all) {
      if (named.contains({kind, version})) continue;
      TRY(remove_directory(artefact_path(kind, version)));
      ++removed;
    }
    remove_trash(root_ / kModels / kind);
    remove_leftovers(root_ / kModels / kind);
  }
  remove_leftovers(root_ / kReleases);
  return removed;
}

}  // namespace palate
