#include "events/record_chunks.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "events/limits.h"
#include "events/number_text.h"
#include "events/record_fault.h"
#include "events/schema/contract.h"
#include "events/text_lines.h"

namespace palate {
namespace {

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

// ISO 8859-1 is the first 256 code points of Unicode.
std::string from_latin1(std::string_view text) {
  std::string out;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0 | byte >> 6);
      out += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return out;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    const std::string_view part = text.substr(0, end);
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

bool is_true(std::string_view text) {
  return text == "1" || text == "true" || text == "True" || text == "yes";
}

// The part of `field` behind "prefix." , or "" for `prefix` itself.
bool below(std::string_view field, std::string_view prefix, std::string& key) {
  if (!field.starts_with(prefix)) return false;
  field.remove_prefix(prefix.size());
  if (!field.empty() && field[0] != '.') return false;
  key = field.empty() ? "" : field.substr(1);
  return true;
}

// A date that cannot be read stays as an attribute: "-750" is a fine year for a book.
void set_date(ItemRecord& item, TimeUs ItemRecord::* member, std::string_view field,
              std::string text) {
  if (const auto time = parse_date(text)) {
    item.*member = *time;
  } else {
    item.attributes[std::string(field)] = std::move(text);
  }
}

void set_field(ItemRecord& item, std::string_view field, std::string text, char separator) {
  std::string key;
  if (field == "id") {
    item.id = std::move(text);
  } else if (below(field, "titles", key)) {
    item.titles[key] = std::move(text);
  } else if (below(field, "descriptions", key)) {
    item.descriptions[key] = std::move(text);
  } else if (field == "categories") {
    item.categories = split(text, separator);
  } else if (field == "tags") {
    item.tags = split(text, separator);
  } else if (field == "languages") {
    item.languages = split(text, separator);
  } else if (field == "regions") {
    item.regions = split(text, separator);
  } else if (field == "creator") {
    item.creator = std::move(text);
  } else if (field == "released") {
    set_date(item, &ItemRecord::released, field, std::move(text));
  } else if (field == "expires") {
    set_date(item, &ItemRecord::expires, field, std::move(text));
  } else if (field == "hidden") {
    item.hidden = is_true(text);
  } else if (below(field, "attributes", key)) {
    item.attributes[key] = std::move(text);
  }
}

void set_field(UserRecord& user, std::string_view field, std::string text, char) {
  std::string key;
  if (field == "id") {
    user.id = std::move(text);
  } else if (field == "region") {
    user.region = std::move(text);
  } else if (field == "language") {
    user.language = std::move(text);
  } else if (field == "age_band") {
    user.age_band = std::move(text);
  } else if (field == "personalization") {
    user.personalization = is_true(text);
  } else if (below(field, "survey", key)) {
    user.survey[key] = std::move(text);
  } else if (below(field, "attributes", key)) {
    user.attributes[key] = std::move(text);
  }
}

void keep(ItemRecord item, ParsedChunk& out) { out.items.push_back(std::move(item)); }
void keep(UserRecord user, ParsedChunk& out) { out.users.push_back(std::move(user)); }
Rejection check(const ItemRecord& item) { return check_item(item); }
Rejection check(const UserRecord& user) { return check_user(user); }

template <class Record>
Rejection check_contract(const RecordPlan& plan, const Record& record) {
  return plan.contract == nullptr ? Rejection() : plan.contract->check(record);
}

struct RowPlace {
  uint64_t line = 0;
  std::string_view bytes;
};

template <class Record>
void finish(Record record, const RowPlace& place, const RecordPlan& plan, ParsedChunk& out) {
  Rejection rejection = check(record);
  if (rejection.reason == Reason::kNone) rejection = check_contract(plan, record);
  if (rejection.reason == Reason::kNone) return keep(std::move(record), out);
  out.rejects.push_back({place.line, std::move(rejection), place.bytes});
}

void set_flags(ItemRecord& item, const RecordPlan& plan, std::span<const std::string_view> cells) {
  for (const auto& [column, category] : plan.flags) {
    if (cells[column] == "1") item.categories.push_back(category);
  }
}
void set_flags(UserRecord&, const RecordPlan&, std::span<const std::string_view>) {}

template <class Record>
void add_cells(const RecordPlan& plan, std::span<const std::string_view> cells,
               const RowPlace& place, ParsedChunk& out) {
  Record record;
  for (const auto& [field, text] : plan.constants) {
    set_field(record, field, text, plan.list_separator);
  }
  for (const auto& [field, column] : plan.fields) {
    const std::string_view cell = cells[column];
    if (cell.empty()) continue;
    set_field(record, field, plan.latin1 && !is_utf8(cell) ? from_latin1(cell) : std::string(cell),
              plan.list_separator);
  }
  set_flags(record, plan, cells);
  finish(std::move(record), place, plan, out);
}

void add_row(const RecordPlan& plan, std::span<const std::string_view> cells, const RowPlace& place,
             ParsedChunk& out) {
  if (plan.kind == RecordKind::kItems) return add_cells<ItemRecord>(plan, cells, place, out);
  add_cells<UserRecord>(plan, cells, place, out);
}

Rejection add_our_json(const RecordPlan& plan, std::string_view line, ParsedChunk& out) {
  const auto refused = [](const RecordFault& fault) -> Rejection {
    return {fault.reason, fault.sentence, fault.field};
  };
  Rejection wrong;
  if (plan.kind == RecordKind::kItems) {
    auto item = read_item(line);
    if (!item) return refused(item.error());
    wrong = check_contract(plan, *item);
    if (wrong.reason == Reason::kNone) out.items.push_back(std::move(*item));
  } else {
    auto user = read_user(line);
    if (!user) return refused(user.error());
    wrong = check_contract(plan, *user);
    if (wrong.reason == Reason::kNone) out.users.push_back(std::move(*user));
  }
  return wrong;
}

template <class Record>
void add_foreign_json(const RecordPlan& plan, const RowPlace& place, ParsedChunk& out) {
  std::vector<std::pair<std::string, std::string>> cells;
  if (!flatten_json(place.bytes, plan.list_separator, cells)) {
    out.rejects.push_back({place.line, reject(Reason::kBadJson), place.bytes});
    return;
  }
  Record record;
  for (const auto& [field, text] : plan.constants) {
    set_field(record, field, text, plan.list_separator);
  }
  for (auto& [key, text] : cells) {
    const auto field = plan.keys.find(key);
    if (field != plan.keys.end() && !text.empty()) {
      set_field(record, field->second, std::move(text), plan.list_separator);
    }
  }
  finish(std::move(record), place, plan, out);
}

void flatten_value(simdjson::dom::element value, char separator, std::string& text) {
  simdjson::dom::array array;
  if (value.get_array().get(array) == simdjson::SUCCESS) {
    for (simdjson::dom::element entry : array) flatten_value(entry, separator, text);
    return;
  }
  if (value.is_object() || value.is_null()) return;
  if (!text.empty()) text += separator;
  std::string_view string;
  text += value.get_string().get(string) == simdjson::SUCCESS ? std::string(string)
                                                              : simdjson::minify(value);
}

}  // namespace

bool flatten_json(std::string_view json, char list_separator,
                  std::vector<std::pair<std::string, std::string>>& cells) {
  thread_local simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(json.data(), json.size()).get_object().get(object)) return false;
  for (auto [key, value] : object) {
    std::string text;
    flatten_value(value, list_separator, text);
    cells.emplace_back(key, std::move(text));
  }
  return true;
}

ChunkParser record_table_parser(const RecordPlan& plan) {
  return [&plan](const RawChunk& raw, ParsedChunk& out) {
    RowSplitter splitter(raw.text.text, plan.dialect, out.events.arena);
    RowSplitter::Row row;
    while (splitter.next(row)) {
      const RowPlace place{row.line, row.text};
      if (row.reason != Reason::kNone) {
        out.rejects.push_back({place.line, reject(row.reason), place.bytes});
      } else if (row.cells.size() != plan.columns) {
        const auto counts = fmt::format("{} instead of {}", row.cells.size(), plan.columns);
        out.rejects.push_back({place.line, reject(Reason::kColumnCount, counts), place.bytes});
      } else {
        add_row(plan, row.cells, place, out);
      }
    }
    out.lines = splitter.lines();
  };
}

ChunkParser record_json_parser(const RecordPlan& plan) {
  return [&plan](const RawChunk& raw, ParsedChunk& out) {
    out.lines = for_each_line(raw.text.text, [&](std::string_view line, uint64_t number) {
      const RowPlace place{number, line};
      if (line.size() > kLineBytesMax) {
        out.rejects.push_back({number, reject(Reason::kLineTooLong), line});
      } else if (plan.ours) {
        Rejection rejection = add_our_json(plan, line, out);
        if (rejection.reason != Reason::kNone) {
          out.rejects.push_back({number, std::move(rejection), line});
        }
      } else if (plan.kind == RecordKind::kItems) {
        add_foreign_json<ItemRecord>(plan, place, out);
      } else {
        add_foreign_json<UserRecord>(plan, place, out);
      }
    });
  };
}

ChunkParser record_cell_parser(const RecordPlan& plan) {
  return [&plan](const RawChunk& raw, ParsedChunk& out) {
    for (size_t at = 0; at < raw.cells.size(); at += raw.columns) {
      const auto cells = std::span(raw.cells).subspan(at, raw.columns);
      const size_t refused = out.rejects.size();
      add_row(plan, cells, {out.lines, {}}, out);
      if (out.rejects.size() > refused) {
        out.rejects.back().bytes = out.events.arena.copy(csv_row(cells));
      }
      ++out.lines;
    }
  };
}

}  // namespace palate
