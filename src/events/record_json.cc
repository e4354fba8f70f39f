// Items and users as JSON, both ways.
#include <initializer_list>

#include <fmt/format.h>
#include <simdjson.h>

#include "events/event.h"
#include "events/json_text.h"
#include "events/limits.h"
#include "events/record_fault.h"
#include "events/validate.h"

namespace palate {
namespace {

using Value = simdjson::dom::element;

// Writes the fields of one object, leaving out what is empty.
class ObjectWriter {
 public:
  void text(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    begin(key);
    append_json_string(out_, value);
  }
  void texts(std::string_view key, const std::map<std::string, std::string>& values) {
    if (values.empty()) return;
    begin(key);
    ObjectWriter inner;
    for (const auto& [name, value] : values) {
      inner.begin(name);
      append_json_string(inner.out_, value);
    }
    out_ += inner.done();
  }
  void list(std::string_view key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    begin(key);
    for (size_t i = 0; i < values.size(); ++i) {
      out_ += i == 0 ? '[' : ',';
      append_json_string(out_, values[i]);
    }
    out_ += ']';
  }
  void time(std::string_view key, TimeUs time) {
    if (time.us == 0) return;
    begin(key);
    append_json_string(out_, format_rfc3339(time));
  }
  void flag(std::string_view key, bool value) {
    begin(key);
    out_ += value ? "true" : "false";
  }
  void vectors(std::string_view key, const std::map<std::string, std::vector<float>>& values) {
    if (values.empty()) return;
    begin(key);
    ObjectWriter inner;
    for (const auto& [name, vector] : values) {
      inner.begin(name);
      inner.out_ += '[';
      for (size_t i = 0; i < vector.size(); ++i) {
        if (i > 0) inner.out_ += ',';
        append_json_number(inner.out_, vector[i]);
      }
      inner.out_ += ']';
    }
    out_ += inner.done();
  }
  std::string done() { return std::move(out_ += '}'); }

 private:
  void begin(std::string_view key) {
    if (out_.size() > 1) out_ += ',';
    append_json_string(out_, key);
    out_ += ':';
  }
  std::string out_ = "{";
};

template <class T>
using Read = std::expected<T, RecordFault>;

std::unexpected<RecordFault> fault(Reason reason, std::string_view field, std::string sentence) {
  return std::unexpected(RecordFault{reason, std::string(field), std::move(sentence)});
}

std::unexpected<RecordFault> wrong(std::string_view field, std::string_view needed) {
  return fault(Reason::kBadField, field, fmt::format("field '{}' must be {}", field, needed));
}

Read<std::string> text_of(std::string_view field, Value value) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) return wrong(field, "a string");
  return std::string(text);
}

Read<std::map<std::string, std::string>> texts_of(std::string_view field, Value value) {
  simdjson::dom::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) {
    return wrong(field, "an object of strings");
  }
  std::map<std::string, std::string> result;
  for (auto [key, entry] : object) {
    std::string_view text;
    if (entry.get_string().get(text) != simdjson::SUCCESS) {
      return wrong(field, "an object of strings");
    }
    if (!result.emplace(key, text).second) {
      return fault(Reason::kDuplicateField, field,
                   fmt::format("field '{}' has the key '{}' twice", field, key));
    }
  }
  return result;
}

// A plain string stands for the text in the language that was not said.
Read<std::map<std::string, std::string>> texts_or_text(std::string_view field, Value value) {
  if (!value.is_string()) return texts_of(field, value);
  return std::map<std::string, std::string>{{"", TRY(text_of(field, value))}};
}

Read<std::vector<std::string>> list_of(std::string_view field, Value value) {
  simdjson::dom::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) return wrong(field, "a list of strings");
  std::vector<std::string> result;
  for (Value entry : array) {
    std::string_view text;
    if (entry.get_string().get(text) != simdjson::SUCCESS) {
      return wrong(field, "a list of strings");
    }
    result.emplace_back(text);
  }
  return result;
}

Read<TimeUs> time_of(std::string_view field, Value value) {
  int64_t us = 0;
  if (value.get_int64().get(us) == simdjson::SUCCESS) return TimeUs{us};
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) {
    return wrong(field, "a time (RFC 3339, or integer microseconds)");
  }
  auto time = parse_rfc3339(text);
  if (!time) {
    return fault(Reason::kBadTime, field,
                 fmt::format("field '{}': {}", field, time.error().message));
  }
  return *time;
}

Read<bool> flag_of(std::string_view field, Value value) {
  bool flag = false;
  if (value.get_bool().get(flag) != simdjson::SUCCESS) return wrong(field, "true or false");
  return flag;
}

Read<std::map<std::string, std::vector<float>>> vectors_of(std::string_view field, Value value) {
  simdjson::dom::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) {
    return wrong(field, "an object of lists of numbers");
  }
  std::map<std::string, std::vector<float>> result;
  for (auto [key, entry] : object) {
    simdjson::dom::array array;
    if (entry.get_array().get(array) != simdjson::SUCCESS) {
      return wrong(field, "an object of lists of numbers");
    }
    std::vector<float> vector;
    for (Value number : array) {
      double real = 0;
      if (number.get_double().get(real) != simdjson::SUCCESS) {
        return wrong(field, "an object of lists of numbers");
      }
      vector.push_back(static_cast<float>(real));
    }
    if (!result.emplace(key, std::move(vector)).second) {
      return fault(Reason::kDuplicateField, field,
                   fmt::format("field '{}' has the key '{}' twice", field, key));
    }
  }
  return result;
}

// One field of a record: its name, and how it is read into the record.
template <class Record>
struct FieldReader {
  std::string_view name;
  Read<void> (*read)(Record&, std::string_view field, Value);
};

template <class Record, auto Member, auto ReadIt>
Read<void> assign(Record& record, std::string_view field, Value value) {
  record.*Member = TRY(ReadIt(field, value));
  return {};
}

template <auto Member, auto ReadIt>
constexpr FieldReader<ItemRecord> item_field(std::string_view name) {
  return {name, &assign<ItemRecord, Member, ReadIt>};
}
template <auto Member, auto ReadIt>
constexpr FieldReader<UserRecord> user_field(std::string_view name) {
  return {name, &assign<UserRecord, Member, ReadIt>};
}

constexpr FieldReader<ItemRecord> kItemFields[] = {
    item_field<&ItemRecord::id, text_of>("id"),
    item_field<&ItemRecord::titles, texts_or_text>("titles"),
    item_field<&ItemRecord::descriptions, texts_or_text>("descriptions"),
    item_field<&ItemRecord::categories, list_of>("categories"),
    item_field<&ItemRecord::tags, list_of>("tags"),
    item_field<&ItemRecord::languages, list_of>("languages"),
    item_field<&ItemRecord::regions, list_of>("regions"),
    item_field<&ItemRecord::creator, text_of>("creator"),
    item_field<&ItemRecord::released, time_of>("released"),
    item_field<&ItemRecord::expires, time_of>("expires"),
    item_field<&ItemRecord::hidden, flag_of>("hidden"),
    item_field<&ItemRecord::attributes, texts_of>("attributes"),
    item_field<&ItemRecord::vectors, vectors_of>("vectors"),
};
constexpr FieldReader<UserRecord> kUserFields[] = {
    user_field<&UserRecord::id, text_of>("id"),
    user_field<&UserRecord::region, text_of>("region"),
    user_field<&UserRecord::language, text_of>("language"),
    user_field<&UserRecord::age_band, text_of>("age_band"),
    user_field<&UserRecord::attributes, texts_of>("attributes"),
    user_field<&UserRecord::survey, texts_of>("survey"),
    user_field<&UserRecord::personalization, flag_of>("personalization"),
};

template <class Record>
Read<Record> read_object(simdjson::dom::object object,
                         std::span<const FieldReader<Record>> fields) {
  Record record;
  uint32_t seen = 0;
  for (auto [key, value] : object) {
    size_t field = 0;
    while (field < fields.size() && fields[field].name != key) ++field;
    if (field == fields.size()) {
      return fault(Reason::kUnknownField, key, fmt::format("there is no field '{}'", key));
    }
    if (seen & (1u << field)) {
      return fault(Reason::kDuplicateField, key, fmt::format("field '{}' is given twice", key));
    }
    seen |= 1u << field;
    TRY(fields[field].read(record, key, value));
  }
  return record;
}

// The field that check_item() and check_user() name first behind the reason's own sentence.
std::string_view field_of(const Rejection& rejection) {
  const size_t known =
      reason_info(rejection.reason).sentence.size() + std::string_view(": ").size();
  const std::string_view sentence = rejection.sentence;
  if (sentence.size() <= known) return {};
  const std::string_view detail = sentence.substr(known);
  return detail.substr(0, detail.find(' '));
}

template <class Record>
Result<Record> as_result(Read<Record> read) {
  if (read) return std::move(*read);
  return fail(Code::kInvalidArgument, "{}", read.error().sentence);
}

template <class Record>
Read<Record> record_from_json(std::string_view json, std::span<const FieldReader<Record>> fields,
                              Rejection (*check)(const Record&)) {
  if (json.size() > kRecordBytesMax) {
    return fault(Reason::kLineTooLong, "",
                 fmt::format("the record is longer than {} bytes", kRecordBytesMax));
  }
  thread_local simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (const auto error = parser.parse(json.data(), json.size()).get_object().get(object)) {
    return fault(Reason::kBadJson, "",
                 fmt::format("not a JSON object: {}", simdjson::error_message(error)));
  }
  Record record = TRY(read_object(object, fields));
  if (Rejection found = check(record); found.reason != Reason::kNone) {
    return fault(found.reason, field_of(found), found.sentence);
  }
  return record;
}

}  // namespace

std::string to_json(const ItemRecord& item) {
  ObjectWriter out;
  out.text("id", item.id);
  out.texts("titles", item.titles);
  out.texts("descriptions", item.descriptions);
  out.list("categories", item.categories);
  out.list("tags", item.tags);
  out.list("languages", item.languages);
  out.list("regions", item.regions);
  out.text("creator", item.creator);
  out.time("released", item.released);
  out.time("expires", item.expires);
  if (item.hidden) out.flag("hidden", true);
  out.texts("attributes", item.attributes);
  out.vectors("vectors", item.vectors);
  return out.done();
}

std::string to_json(const UserRecord& user) {
  ObjectWriter out;
  out.text("id", user.id);
  out.text("region", user.region);
  out.text("language", user.language);
  out.text("age_band", user.age_band);
  out.texts("attributes", user.attributes);
  out.texts("survey", user.survey);
  if (!user.personalization) out.flag("personalization", false);
  return out.done();
}

std::expected<ItemRecord, RecordFault> read_item(std::string_view json) {
  return record_from_json<ItemRecord>(json, kItemFields, check_item);
}

std::expected<UserRecord, RecordFault> read_user(std::string_view json) {
  return record_from_json<UserRecord>(json, kUserFields, check_user);
}

Result<ItemRecord> item_from_json(std::string_view json) { return as_result(read_item(json)); }

Result<UserRecord> user_from_json(std::string_view json) { return as_result(read_user(json)); }

}  // namespace palate
