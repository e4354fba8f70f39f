#include "events/schema/schema_registry.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/hash.h"
#include "events/schema/builtin_schema.h"

namespace palate {
namespace {

constexpr size_t kFileBytesMax = 1 << 20;
constexpr int kFilesMax = 30'000;

struct FileName {
  Stream stream = Stream::kEvents;
  uint32_t number = 0;
  std::string_view checksum;
};

std::string file_name(Stream stream, uint32_t number, std::string_view text) {
  return fmt::format("{}-{}-{:016x}.json", schema_kind(stream), number, hash64(text));
}

// "event-2-0123456789abcdef.json".
std::optional<FileName> parse_name(std::string_view name) {
  constexpr std::string_view kSuffix = ".json";
  const size_t first = name.find('-'), second = name.rfind('-');
  if (!name.ends_with(kSuffix) || first == std::string_view::npos || first == second) return {};
  const auto stream = schema_stream(name.substr(0, first));
  if (!stream) return {};
  FileName found{*stream, 0, name.substr(second + 1)};
  found.checksum.remove_suffix(kSuffix.size());
  const char* end = name.data() + second;
  const auto [rest, error] = std::from_chars(name.data() + first + 1, end, found.number);
  if (error != std::errc() || rest != end || found.number == 0) return {};
  return found;
}

}  // namespace

Result<SchemaRegistry> SchemaRegistry::open(const Path& tenant_directory) {
  SchemaRegistry registry(tenant_directory / "schemas");
  TRY(registry.read());
  return registry;
}

Status SchemaRegistry::read() {
  for (auto& versions : versions_) versions.clear();
  std::error_code error;
  auto entry = std::filesystem::directory_iterator(folder_, error);
  for (int i = 0; !error && entry != std::filesystem::directory_iterator(); ++i) {
    if (i == kFilesMax) return fail(Code::kCorrupt, "{} holds too many files", folder_.string());
    const Path path = entry->path();
    entry.increment(error);
    const std::string name = path.filename().string();
    const auto parts = parse_name(name);
    if (!parts) continue;
    std::string text = TRY(read_file(path, kFileBytesMax));
    if (name != file_name(parts->stream, parts->number, text)) {
      return fail(Code::kCorrupt,
                  "{}: its text is not the one that its name has the checksum of; restore it from "
                  "a copy",
                  path.string());
    }
    auto schema = parse_schema(text);
    if (!schema) {
      return fail(Code::kUnsupportedVersion, "{}: {}; was it written by a newer palate?",
                  path.string(), schema.error().message);
    }
    versions_[static_cast<size_t>(parts->stream)].push_back(
        {parts->number, std::move(*schema), std::move(text)});
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return std::unexpected(errno_error(error.value(), "read", folder_));
  }
  for (const Stream stream : {Stream::kEvents, Stream::kItems, Stream::kUsers}) {
    auto& versions = versions_[static_cast<size_t>(stream)];
    std::ranges::sort(versions, {}, &Entry::number);
    // Version 1 has a file only where a second one was made.
    if (versions.empty()) {
      versions.push_back({1, builtin_schema(stream), std::string(builtin_schema_text(stream))});
    }
    for (size_t i = 0; i < versions.size(); ++i) {
      if (versions[i].number == i + 1) continue;
      return fail(Code::kCorrupt, "{}: version {} of schema {} is not there, or twice; restore it",
                  folder_.string(), i + 1, schema_kind(stream));
    }
  }
  return {};
}

Result<SchemaNode> parse_schema_of(Stream stream, const std::string& text) {
  SchemaNode schema = TRY(parse_schema(text));
  if (stream != Stream::kEvents && !schema.of_type.empty()) {
    return fail(Code::kInvalidArgument,
                "schema, at /allOf: conditions are of events only; an {} has no type",
                schema_kind(stream));
  }
  return schema;
}

const std::vector<SchemaRegistry::Entry>& SchemaRegistry::versions(Stream stream) const {
  return versions_[static_cast<size_t>(stream)];
}

Result<const SchemaRegistry::Entry*> SchemaRegistry::version(Stream stream, uint32_t number) const {
  const auto& all = versions(stream);
  if (number >= 1 && number <= all.size()) return &all[number - 1];
  return fail(Code::kNotFound, "schema {} has versions 1 to {}, not {}", schema_kind(stream),
              all.size(), number);
}

Result<uint32_t> SchemaRegistry::evolve(Stream stream, const std::string& text,
                                        Compatibility wanted) {
  SchemaNode schema = TRY(parse_schema_of(stream, text));
  TRY(make_directories(folder_));
  const auto lock = TRY(FileLock::acquire(folder_ / "LOCK"));
  const size_t known = versions(stream).size();
  TRY(read());
  if (versions(stream).size() != known) {
    return fail(Code::kConflict, "schema {} has been changed meanwhile; look at it and try again",
                schema_kind(stream));
  }
  const Entry& before = current(stream);
  if (before.schema == schema) return before.number;
  TRY(check_compatible(compare_schemas(before.schema, schema), wanted));
  if (known == 1) {
    TRY(write_file_atomically(folder_ / file_name(stream, 1, before.text), before.text));
  }
  const uint32_t number = before.number + 1;
  TRY(write_file_atomically(folder_ / file_name(stream, number, text), text));
  versions_[static_cast<size_t>(stream)].push_back({number, std::move(schema), text});
  return number;
}

std::shared_ptr<const Contract> SchemaRegistry::contract(const EventTypes& types,
                                                         References known) const {
  std::array<SchemaVersion, 3> versions;
  for (const Stream stream : {Stream::kEvents, Stream::kItems, Stream::kUsers}) {
    versions[static_cast<size_t>(stream)] = {current(stream).number, current(stream).schema};
  }
  return std::make_shared<const Contract>(std::move(versions), types, std::move(known));
}

}  // namespace palate
