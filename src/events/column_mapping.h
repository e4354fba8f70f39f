// Which column of a foreign source holds which of our fields, and how its texts are to be read. A
// default-constructed mapping means: find out by the file's name, its first bytes and its header.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/result.h"
#include "events/event_row.h"
#include "events/number_text.h"

namespace palate {

enum class SourceFormat : uint8_t {
  kAuto,
  kCsv,        // RFC 4180
  kTsv,        // tab-separated, quotes are ordinary characters
  kDat,        // fields between "::"
  kJsonLines,  // one object a line
  kLists,      // a line is "user item item …"
  kParquet,
};

enum class Header : uint8_t { kAuto, kYes, kNo };

// A column is named by the header's word, or by "#1" for the first.
struct ColumnMapping {
  SourceFormat format = SourceFormat::kAuto;
  char delimiter = 0;  // of CSV; 0: the first of , ; | that the first line has
  bool quotes = true;  // CSV only: whether '"' quotes
  Header header = Header::kAuto;
  std::map<std::string, std::string> columns = {};     // our field -> column
  std::map<std::string, std::string> constants = {};   // our field -> the same value for every row
  std::map<std::string, std::string> type_names = {};  // the source's event type -> ours
  std::map<std::string, std::string> flags =
      {};  // items: column -> category, given where it is "1"
  TimeUnit ts_unit = TimeUnit::kAuto;
  bool time_given = false;  // else: real where a column holds ts, none elsewhere
  TimeKind time = TimeKind::kNone;
  char list_separator = '|';  // between categories, tags, languages, regions in one cell
  bool latin1 = false;        // items, users: a text that is not UTF-8 is ISO 8859-1
  // Of rows whose source was looked at before (Reader::recipe()): nothing is guessed from the
  // first.
  std::vector<std::string> names = {};  // of all its columns
  bool own_form = false;                // JSON lines in our own form
};

// For quarantine files and batches set aside; reads back to the same mapping. Errors: kCorrupt.
std::string to_json(const ColumnMapping& mapping);
Result<ColumnMapping> mapping_from_json(std::string_view json);

// The mapping as the user writes it: config section [import], flags --import.<key>.
struct MappingConfig {
  std::string format = "auto";
  std::string delimiter;
  std::string header = "auto";
  std::vector<std::string> map;    // "user=reader_id", "context.country=land", "value=#3"
  std::vector<std::string> set;    // "type=rating"
  std::vector<std::string> types;  // "view=click"
  std::string ts_unit = "auto";
  std::string time = "auto";

  static void fields(FieldVisitor<MappingConfig>& field);
};

// `base` with what the config says over it. Errors: kInvalidArgument with the key.
Result<ColumnMapping> apply_mapping(const MappingConfig& config, ColumnMapping base = {});

// The names our fields go by in well-known data sets; what a record has.
enum class RecordKind : uint8_t { kEvents, kItems, kUsers };

// One of our fields found in a source: `field` is "user", "titles", "attributes.year", …
struct FieldColumn {
  std::string field;
  size_t column = 0;
};

// Which columns hold what: those that the mapping names, and of the others those whose header is a
// known word (user_id, movieId, rating, timestamp, …; for items and users every other named column
// becomes an attribute). Errors: kInvalidArgument for a column that is not there, with those that
// are; for a required field (events: user, and item where no type is given; items and users: id)
// that nothing gives.
Result<std::vector<FieldColumn>> resolve_columns(RecordKind kind, const ColumnMapping& mapping,
                                                 const std::vector<std::string>& names);
// Whether one of these words is a known header of such a file.
bool looks_like_header(RecordKind kind, const std::vector<std::string>& first_row);
// The type of events whose source names none, by the header of the value: "rating", "play" or
// "click".
std::string default_type(const std::string& value_column);
// What other data sets call our types: view, addtocart, transaction, …
const std::map<std::string, std::string>& known_type_names();

}  // namespace palate
