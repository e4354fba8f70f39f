#include "events/validate.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <simdjson.h>

#include "events/limits.h"

namespace palate {
namespace {

constexpr std::array<ReasonInfo, kReasonCount> kReasons = {{
    {"none", "nothing is wrong"},
    {"bad_utf8", "the text is not valid UTF-8"},
    {"control_character", "an id holds a control character"},
    {"missing_user", "the event has no user"},
    {"missing_item", "an event of this type needs an item"},
    {"missing_id", "the record has no id"},
    {"missing_type", "the event has no type"},
    {"missing_time", "the row has no time, and the source is marked as real time"},
    {"id_too_long", "an id is longer than 256 bytes"},
    {"unknown_type", "the event type is not declared; add it to [events.types] or map it"},
    {"bad_time",
     "the time cannot be read; give RFC 3339 or integer microseconds (not seconds or "
     "milliseconds)"},
    {"time_negative", "the time lies before 1970"},
    {"time_far_future", "the time lies more than a day in the future; check its unit"},
    {"bad_value", "the value is not a number"},
    {"value_not_finite", "the value is NaN or infinite"},
    {"bad_slot", "the slot is not a whole number from 0 to 1000000"},
    {"bad_context", "the context is not an object of strings, numbers and booleans"},
    {"context_too_many_keys", "the context has more than 32 keys"},
    {"context_too_large", "the context is longer than 4096 bytes"},
    {"unknown_field", "there is no such field"},
    {"duplicate_field", "a field is given twice"},
    {"bad_field", "a field has the wrong type"},
    {"text_too_long", "a text is longer than 65536 bytes"},
    {"too_many_entries", "a list holds more than 1024 entries, or a vector more than 8192 numbers"},
    {"column_count", "the row does not have as many columns as the header"},
    {"too_many_columns", "the row has more than 4096 columns"},
    {"bad_json", "the line is not one JSON object"},
    {"unclosed_quote", "a quoted field is never closed"},
    {"line_too_long", "the line is longer than 1 MiB"},
    {"schema", "it does not fit the schema"},
    {"unknown_item", "there is no such item, and validation.unknown_items says refuse"},
    {"unknown_user", "there is no such user, and validation.unknown_users says refuse"},
    {"set_aside", "nothing is wrong with it, but with too much else of its source"},
    {"bad_block", "the message holds no block of the log"},
}};

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

Reason check_id(std::string_view id, bool clean) {
  if (id.size() > kIdBytesMax) return Reason::kIdTooLong;
  return clean ? Reason::kNone : check_text(id);
}

Reason check_ids(const EventView& row, bool clean) {
  for (std::string_view id : {row.user, row.item, row.event_id, row.request_id}) {
    if (id.empty()) continue;
    const Reason reason = check_id(id, clean);
    if (reason != Reason::kNone) return reason;
  }
  return Reason::kNone;
}

std::string in_quotes(std::string_view text) {
  constexpr size_t kShown = 64;
  std::string shown;
  for (char c : text.substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    shown += byte >= 0x20 && byte < 0x7f ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }
  return fmt::format("'{}{}'", shown, text.size() > kShown ? "…" : "");
}

// Records: the first thing that is wrong, with the field's name.
class RecordChecker {
 public:
  void id(std::string_view value) {
    if (value.empty()) return note(Reason::kMissingId, "id");
    note_text(check_id(value, false), "id", value);
  }
  void text(std::string_view field, std::string_view value) {
    if (value.size() > kTextBytesMax) return note(Reason::kTextTooLong, field);
    if (!simdjson::validate_utf8(value.data(), value.size())) note(Reason::kBadUtf8, field);
  }
  template <class Map>
  void texts(std::string_view field, const Map& map) {
    if (map.size() > kListEntriesMax) return note(Reason::kTooManyEntries, field);
    for (const auto& [key, value] : map) {
      note_text(check_id(key, false), field, key);
      text(field, value);
    }
  }
  void list(std::string_view field, const std::vector<std::string>& values) {
    if (values.size() > kListEntriesMax) return note(Reason::kTooManyEntries, field);
    for (const auto& value : values) note_text(check_id(value, false), field, value);
  }
  void vectors(const std::map<std::string, std::vector<float>>& vectors) {
    if (vectors.size() > kListEntriesMax) return note(Reason::kTooManyEntries, "vectors");
    for (const auto& [name, values] : vectors) {
      note_text(check_id(name, false), "vectors", name);
      if (values.size() > kVectorLengthMax) return note(Reason::kTooManyEntries, "vectors");
      if (!std::ranges::all_of(values, [](float v) { return std::isfinite(v); })) {
        return note(Reason::kValueNotFinite, "vectors");
      }
    }
  }
  Rejection result() { return std::move(found_); }

 private:
  void note(Reason reason, std::string_view field) {
    if (found_.reason == Reason::kNone && reason != Reason::kNone) found_ = reject(reason, field);
  }
  void note_text(Reason reason, std::string_view field, std::string_view value) {
    if (reason != Reason::kNone) note(reason, fmt::format("{} {}", field, in_quotes(value)));
  }
  Rejection found_;
};

}  // namespace

const ReasonInfo& reason_info(Reason reason) { return kReasons[static_cast<size_t>(reason)]; }

Rejection reject(Reason reason, std::string_view detail) {
  std::string sentence(reason_info(reason).sentence);
  if (!detail.empty()) sentence += fmt::format(": {}", detail);
  return {reason, std::move(sentence), ""};
}

Reason check_text(std::string_view text) {
  if (!simdjson::validate_utf8(text.data(), text.size())) return Reason::kBadUtf8;
  return has_control(text) ? Reason::kControlCharacter : Reason::kNone;
}

Reason check_event(const EventView& row, const ValidateOptions& options) {
  if (row.user.empty()) return Reason::kMissingUser;
  if (row.type.value == 0xffff) return Reason::kUnknownType;
  const Reason ids = check_ids(row, options.text_is_clean);
  if (ids != Reason::kNone) return ids;
  if (row.ts.us < 0) return Reason::kTimeNegative;
  if (row.ts.us > options.now.us + kFutureUsMax) return Reason::kTimeFarFuture;
  if (std::isinf(row.value)) return Reason::kValueNotFinite;
  if (row.slot < kNoSlot || row.slot > kSlotMax) return Reason::kBadSlot;
  if (row.context.size() > kContextBytesMax) return Reason::kContextTooLarge;
  return Reason::kNone;
}

Rejection describe(Reason reason, const EventView& row) {
  switch (reason) {
    case Reason::kBadUtf8:
    case Reason::kControlCharacter:
    case Reason::kIdTooLong:
      for (auto [name, id] : {std::pair<std::string_view, std::string_view>{"user", row.user},
                              {"item", row.item},
                              {"event_id", row.event_id},
                              {"request_id", row.request_id}}) {
        if (!id.empty() && check_id(id, false) == reason) {
          return reject(reason, fmt::format("{} {}", name, in_quotes(id)));
        }
      }
      return reject(reason);
    case Reason::kTimeFarFuture:
    case Reason::kTimeNegative:
      return reject(reason, fmt::format("{} microseconds", row.ts.us));
    case Reason::kBadSlot:
      return reject(reason, fmt::to_string(row.slot));
    default:
      return reject(reason);
  }
}

Rejection check_item(const ItemRecord& item) {
  RecordChecker check;
  check.id(item.id);
  check.texts("titles", item.titles);
  check.texts("descriptions", item.descriptions);
  check.list("categories", item.categories);
  check.list("tags", item.tags);
  check.list("languages", item.languages);
  check.list("regions", item.regions);
  check.text("creator", item.creator);
  check.texts("attributes", item.attributes);
  check.vectors(item.vectors);
  return check.result();
}

Rejection check_user(const UserRecord& user) {
  RecordChecker check;
  check.id(user.id);
  check.text("region", user.region);
  check.text("language", user.language);
  check.text("age_band", user.age_band);
  check.texts("attributes", user.attributes);
  check.texts("survey", user.survey);
  return check.result();
}

}  // namespace palate
