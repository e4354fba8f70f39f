#include "events/column_mapping.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "events/number_text.h"

namespace palate {
namespace {

template <class Enum>
using Words = std::vector<std::pair<std::string, Enum>>;

const Words<SourceFormat> kFormats = {
    {"auto", SourceFormat::kAuto},       {"csv", SourceFormat::kCsv},
    {"tsv", SourceFormat::kTsv},         {"dat", SourceFormat::kDat},
    {"jsonl", SourceFormat::kJsonLines}, {"lists", SourceFormat::kLists},
    {"parquet", SourceFormat::kParquet},
};
const Words<Header> kHeaders = {
    {"auto", Header::kAuto}, {"yes", Header::kYes}, {"no", Header::kNo}};
const Words<TimeUnit> kUnits = {{"auto", TimeUnit::kAuto},
                                {"s", TimeUnit::kSeconds},
                                {"ms", TimeUnit::kMillis},
                                {"us", TimeUnit::kMicros},
                                {"rfc3339", TimeUnit::kRfc3339}};
const Words<std::optional<TimeKind>> kTimes = {{"auto", std::nullopt},
                                               {"none", TimeKind::kNone},
                                               {"order", TimeKind::kOrder},
                                               {"real", TimeKind::kReal}};

template <class Enum>
std::vector<std::string> words_of(const Words<Enum>& words) {
  std::vector<std::string> result;
  for (const auto& [word, value] : words) result.push_back(word);
  return result;
}

template <class Enum>
Result<Enum> find_word(std::string_view key, const Words<Enum>& words, std::string_view word) {
  for (const auto& [name, value] : words) {
    if (name == word) return value;
  }
  return fail(Code::kInvalidArgument, "import.{} is '{}'; it must be one of {}", key, word,
              fmt::join(words_of(words), ", "));
}

Status add_pairs(std::string_view key, const std::vector<std::string>& pairs,
                 std::map<std::string, std::string>& into) {
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size()) {
      return fail(Code::kInvalidArgument, "import.{} has '{}'; write name=name", key, pair);
    }
    into[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return {};
}

template <class Enum>
std::string word_of(const Words<Enum>& words, const Enum& value) {
  for (const auto& [word, known] : words) {
    if (known == value) return word;
  }
  return words.front().first;
}

template <class T>
void read(const nlohmann::json& json, const char* key, T& into) {
  if (json.contains(key)) into = json.at(key).get<T>();
}

Result<ColumnMapping> read_mapping(const nlohmann::json& json) {
  ColumnMapping mapping;
  const auto word = [&](const char* key) { return json.value(key, "auto"); };
  mapping.format = TRY(find_word("format", kFormats, word("format")));
  mapping.header = TRY(find_word("header", kHeaders, word("header")));
  mapping.ts_unit = TRY(find_word("ts_unit", kUnits, word("ts_unit")));
  if (const auto time = TRY(find_word("time", kTimes, word("time")))) {
    mapping.time_given = true;
    mapping.time = *time;
  }
  const std::string delimiter = json.value("delimiter", ""), list = json.value("list", "|");
  mapping.delimiter = delimiter.empty() ? char{0} : delimiter[0];
  mapping.list_separator = list.empty() ? '|' : list[0];
  read(json, "quotes", mapping.quotes);
  read(json, "map", mapping.columns);
  read(json, "set", mapping.constants);
  read(json, "types", mapping.type_names);
  read(json, "flags", mapping.flags);
  read(json, "latin1", mapping.latin1);
  read(json, "names", mapping.names);
  read(json, "own_form", mapping.own_form);
  return mapping;
}

}  // namespace

std::string to_json(const ColumnMapping& mapping) {
  nlohmann::ordered_json json = {{"format", word_of(kFormats, mapping.format)},
                                 {"header", word_of(kHeaders, mapping.header)},
                                 {"ts_unit", word_of(kUnits, mapping.ts_unit)}};
  if (mapping.time_given) {
    json["time"] = word_of(kTimes, std::optional<TimeKind>(mapping.time));
  }
  if (mapping.delimiter != 0) json["delimiter"] = std::string(1, mapping.delimiter);
  json["list"] = std::string(1, mapping.list_separator);
  json["quotes"] = mapping.quotes;
  json["map"] = mapping.columns;
  json["set"] = mapping.constants;
  json["types"] = mapping.type_names;
  json["flags"] = mapping.flags;
  json["latin1"] = mapping.latin1;
  json["names"] = mapping.names;
  json["own_form"] = mapping.own_form;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<ColumnMapping> mapping_from_json(std::string_view json) {
  try {
    auto mapping = read_mapping(nlohmann::json::parse(json));
    if (!mapping) return fail(Code::kCorrupt, "{}", mapping.error().message);
    return mapping;
  } catch (const nlohmann::json::exception& error) {
    return fail(Code::kCorrupt, "how the rows are to be read is damaged: {}", error.what());
  }
}

void MappingConfig::fields(FieldVisitor<MappingConfig>& field) {
  field("format", &MappingConfig::format, {.one_of = words_of(kFormats)},
        "What the file is; auto looks at its name and first bytes.");
  field("delimiter", &MappingConfig::delimiter, {},
        "The character between columns of CSV; empty: the first of , ; | that the first line has.");
  field("header", &MappingConfig::header, {.one_of = words_of(kHeaders)},
        "Whether the first row names the columns.");
  field("map", &MappingConfig::map, {},
        "Which column holds a field, as field=column or field=#number; context.<key> and "
        "attributes.<key> too.");
  field("set", &MappingConfig::set, {}, "A field that is the same in every row, as field=value.");
  field("types", &MappingConfig::types, {},
        "What the source calls an event type, as its_name=our_type.");
  field("ts_unit", &MappingConfig::ts_unit, {.one_of = words_of(kUnits)},
        "The unit of ts; auto takes the one that puts the first row near our years.");
  field("time", &MappingConfig::time, {.one_of = words_of(kTimes)},
        "What time means here: none, order (of rows) or real; auto is real where there is a ts.");
}

Result<ColumnMapping> apply_mapping(const MappingConfig& config, ColumnMapping base) {
  if (config.format != "auto") base.format = TRY(find_word("format", kFormats, config.format));
  if (config.delimiter.size() > 1 && config.delimiter != "\\t") {
    return fail(Code::kInvalidArgument, "import.delimiter must be one character");
  }
  if (!config.delimiter.empty()) {
    base.delimiter = config.delimiter == "\\t" ? '\t' : config.delimiter[0];
  }
  if (config.header != "auto") base.header = TRY(find_word("header", kHeaders, config.header));
  if (config.ts_unit != "auto") base.ts_unit = TRY(find_word("ts_unit", kUnits, config.ts_unit));
  if (const auto time = TRY(find_word("time", kTimes, config.time))) {
    base.time_given = true;
    base.time = *time;
  }
  TRY(add_pairs("map", config.map, base.columns));
  TRY(add_pairs("set", config.set, base.constants));
  TRY(add_pairs("types", config.types, base.type_names));
  return base;
}

}  // namespace palate
