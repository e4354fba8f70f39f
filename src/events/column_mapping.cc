#include "events/column_mapping.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

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

}  // namespace

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
