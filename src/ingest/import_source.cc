#include "ingest/import_source.h"

#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace palate {
namespace {

constexpr std::string_view kPrefix = "source/";

std::string mapping_text(const ColumnMapping& mapping) {
  std::string text = fmt::format(
      "{} {} {} {} {} {} {} {} {}", static_cast<int>(mapping.format),
      static_cast<int>(mapping.delimiter), mapping.quotes, static_cast<int>(mapping.header),
      static_cast<int>(mapping.ts_unit), mapping.time_given, static_cast<int>(mapping.time),
      static_cast<int>(mapping.list_separator), mapping.latin1);
  for (const auto* map :
       {&mapping.columns, &mapping.constants, &mapping.type_names, &mapping.flags}) {
    for (const auto& [key, value] : *map) {
      text += fmt::format("\n{}:{}{}:{}", key.size(), key, value.size(), value);
    }
    text += "\n;";
  }
  return text;
}

Result<ImportSource> parse(std::string_view key, std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  ImportSource source;
  source.digest = key.substr(kPrefix.size());
  const auto fits = [&](const char* field, bool (nlohmann::json::*is)() const noexcept) {
    return json.contains(field) && (json[field].*is)();
  };
  if (!json.is_object() || !fits("name", &nlohmann::json::is_string) ||
      !fits("rows", &nlohmann::json::is_number_unsigned) ||
      !fits("time", &nlohmann::json::is_number_unsigned) || json["time"] > 2 ||
      !fits("complete", &nlohmann::json::is_boolean)) {
    return fail(Code::kCorrupt, "the record of the imported source {} is damaged", source.digest);
  }
  source.name = json["name"];
  source.rows = json["rows"];
  source.time = static_cast<TimeKind>(json["time"].get<int>());
  source.complete = json["complete"];
  return source;
}

}  // namespace

Result<std::string> source_digest(const Path& file, const ColumnMapping& mapping) {
  const MappedFile mapped = TRY(MappedFile::open(file));
  return to_hex(hash128(to_hex(hash128(mapped.text())) + mapping_text(mapping)));
}

Result<std::vector<ImportSource>> imported_sources(const DataDirectory& directory) {
  std::vector<ImportSource> sources;
  for (const auto& [key, value] : TRY(directory.meta(kPrefix))) {
    sources.push_back(TRY(parse(key, value)));
  }
  return sources;
}

Result<std::optional<ImportSource>> find_source(const DataDirectory& directory,
                                                const std::string& digest) {
  for (ImportSource& source : TRY(imported_sources(directory))) {
    if (source.digest == digest) return std::optional(std::move(source));
  }
  return std::nullopt;
}

Status remember_source(DataDirectory& directory, const ImportSource& source) {
  const nlohmann::ordered_json json = {{"name", source.name},
                                       {"rows", source.rows},
                                       {"time", static_cast<int>(source.time)},
                                       {"complete", source.complete}};
  return directory.put_meta(std::string(kPrefix) + source.digest,
                            json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace palate
