#include "events/event_json.h"

#include <cmath>

#include <fmt/format.h>
#include <simdjson.h>

#include "events/context_json.h"
#include "events/json_text.h"
#include "events/limits.h"

namespace palate {
namespace {

namespace od = simdjson::ondemand;
static_assert(simdjson::SIMDJSON_PADDING <= 64);

std::string_view without_trailing_space(std::string_view text) {
  const size_t last = text.find_last_not_of(" \t\r\n");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

bool at_end(od::document& document) {
  return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

EventRowOptions live_options(const EventTypes& types, TimeUs received) {
  EventRowOptions options;
  options.types = &types;
  options.received = received;
  options.missing_ts_is_now = true;
  options.ts_unit = TimeUnit::kLive;
  return options;
}

// What the reading of one object needs; lives for one call.
struct Row {
  Row(Arena& batch_arena, bool copy_strings) : copy(copy_strings), arena(batch_arena) {}
  EventTexts texts{};
  uint32_t seen = 0;
  bool copy;
  Arena& arena;
  Rejection rejection{};
  bool refuse(Reason reason, std::string_view detail = {}) {
    rejection = reject(reason, detail);
    return false;
  }
};

}  // namespace

struct EventJsonParser::State {
  explicit State(EventRowOptions options) : builder(std::move(options)) {}

  EventRowBuilder builder;
  ContextBuilder context;
  std::optional<JsonKeys> keys;
  EventTexts constants;
  od::parser parser;
  std::string padded;

  bool read_string(Row& row, od::value value, std::string_view& text);
  bool read_field(Row& row, EventField field, od::value value);
  bool read_context(Row& row, od::object object);
  bool add_context(Row& row, std::string_view key, od::value value);
  bool read_ours(Row& row, od::field& field);
  bool read_foreign(Row& row, od::field& field);
  Rejection read_object(od::object object, EventBatch& batch, bool copy);
  Rejection parse_padded(std::string_view json, EventBatch& batch, bool copy);
  std::string_view pad(std::string_view json);
};

// Without an escape the text between the quotes is the string; most are like that.
bool EventJsonParser::State::read_string(Row& row, od::value value, std::string_view& text) {
  const std::string_view token = without_trailing_space(value.raw_json_token());
  if (token.size() < 2 || token.back() != '"') return row.refuse(Reason::kBadJson);
  text = token.substr(1, token.size() - 2);
  if (text.find('\\') == std::string_view::npos) {
    if (row.copy) text = row.arena.copy(text);
    return true;
  }
  std::string_view unescaped;
  if (value.get_string().get(unescaped)) return row.refuse(Reason::kBadJson, "a bad escape");
  text = row.arena.copy(unescaped);
  return true;
}

bool EventJsonParser::State::read_field(Row& row, EventField field, od::value value) {
  const auto index = static_cast<size_t>(field);
  const std::string_view name = kEventFieldNames[index];
  if (row.seen & (1u << index)) return row.refuse(Reason::kDuplicateField, name);
  row.seen |= 1u << index;
  od::json_type type{};
  if (value.type().get(type)) return row.refuse(Reason::kBadJson);
  if (type == od::json_type::null) return true;
  if (field == EventField::kContext) {
    od::object object;
    if (value.get_object().get(object)) return row.refuse(Reason::kBadContext);
    return read_context(row, object);
  }
  const bool number_field =
      field == EventField::kValue || field == EventField::kSlot || field == EventField::kTs;
  if (type == od::json_type::number && (number_field || keys)) {
    row.texts[field] = without_trailing_space(value.raw_json_token());
    if (row.copy) row.texts[field] = row.arena.copy(row.texts[field]);
    return true;
  }
  const bool string_field = !number_field || field == EventField::kTs || keys;
  if (type != od::json_type::string || !string_field) {
    return row.refuse(Reason::kBadField, name);
  }
  return read_string(row, value, row.texts[field]);
}

bool EventJsonParser::State::add_context(Row& row, std::string_view key, od::value value) {
  od::json_type type{};
  if (value.type().get(type)) return row.refuse(Reason::kBadJson);
  if (type == od::json_type::string) {
    std::string_view text;
    if (value.get_string().get(text)) return row.refuse(Reason::kBadJson);
    context.add_text(key, text);
  } else if (type == od::json_type::number) {
    double number = 0;
    if (value.get_double().get(number)) return row.refuse(Reason::kBadContext, key);
    context.add_number(key, number);
  } else if (type == od::json_type::boolean) {
    bool flag = false;
    if (value.get_bool().get(flag)) return row.refuse(Reason::kBadContext, key);
    context.add_flag(key, flag);
  } else if (type != od::json_type::null) {
    return row.refuse(Reason::kBadContext, key);
  }
  return true;
}

bool EventJsonParser::State::read_context(Row& row, od::object object) {
  for (auto entry : object) {
    od::field field;
    std::string_view key;
    if (std::move(entry).get(field) || field.unescaped_key().get(key)) {
      return row.refuse(Reason::kBadJson);
    }
    if (!add_context(row, key, field.value())) return false;
  }
  return true;
}

bool EventJsonParser::State::read_ours(Row& row, od::field& field) {
  std::string_view key;
  if (field.unescaped_key().get(key)) return row.refuse(Reason::kBadJson);
  for (size_t i = 0; i < kEventFieldNames.size(); ++i) {
    if (kEventFieldNames[i] == key) {
      return read_field(row, static_cast<EventField>(i), field.value());
    }
  }
  return row.refuse(Reason::kUnknownField, key.substr(0, kContextKeyBytesMax));
}

bool EventJsonParser::State::read_foreign(Row& row, od::field& field) {
  std::string_view key;
  if (field.unescaped_key().get(key)) return row.refuse(Reason::kBadJson);
  if (const auto found = keys->fields.find(key); found != keys->fields.end()) {
    return read_field(row, found->second, field.value());
  }
  if (const auto found = keys->context.find(key); found != keys->context.end()) {
    return add_context(row, found->second, field.value());
  }
  return true;
}

Rejection EventJsonParser::State::read_object(od::object object, EventBatch& batch, bool copy) {
  Row row(batch.arena, copy);
  row.texts = constants;
  std::string_view canonical;
  bool good = true;
  for (auto entry : object) {
    od::field field;
    if (std::move(entry).get(field)) {
      good = row.refuse(Reason::kBadJson);
    } else {
      good = keys ? read_foreign(row, field) : read_ours(row, field);
    }
    if (!good) break;
  }
  const Reason context_reason = context.finish(canonical);
  if (!good) return std::move(row.rejection);
  if (context_reason != Reason::kNone) return reject(context_reason);
  if (!canonical.empty()) row.texts[EventField::kContext] = batch.arena.copy(canonical);
  EventView event;
  const Reason reason = builder.build(row.texts, event);
  if (reason != Reason::kNone) return builder.describe(reason, row.texts, event);
  batch.rows.push_back(event);
  return {};
}

Rejection EventJsonParser::State::parse_padded(std::string_view json, EventBatch& batch,
                                               bool copy) {
  od::document document;
  od::object object;
  const simdjson::padded_string_view padded_view(json, json.size() + simdjson::SIMDJSON_PADDING);
  auto error = parser.iterate(padded_view).get(document);
  if (!error) error = document.get_object().get(object);
  if (error == simdjson::UTF8_ERROR) return reject(Reason::kBadUtf8);
  if (error) return reject(Reason::kBadJson, simdjson::error_message(error));
  const size_t rows = batch.rows.size();
  Rejection rejection = read_object(object, batch, copy);
  if (rejection.reason == Reason::kNone && !at_end(document)) {
    batch.rows.resize(rows);
    return reject(Reason::kBadJson, "there is more behind the object");
  }
  return rejection;
}

std::string_view EventJsonParser::State::pad(std::string_view json) {
  padded.assign(json);
  padded.append(simdjson::SIMDJSON_PADDING, '\0');
  return std::string_view(padded).substr(0, json.size());
}

EventJsonParser::EventJsonParser(EventRowOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
EventJsonParser::EventJsonParser(const EventTypes& types, TimeUs received)
    : EventJsonParser(live_options(types, received)) {}
EventJsonParser::EventJsonParser(EventJsonParser&&) noexcept = default;
EventJsonParser::~EventJsonParser() = default;

void EventJsonParser::set_received(TimeUs received) { state_->builder.set_received(received); }
void EventJsonParser::set_contract(std::shared_ptr<const Contract> contract) {
  state_->builder.set_contract(std::move(contract));
}
void EventJsonParser::set_keys(JsonKeys keys) { state_->keys = std::move(keys); }

void EventJsonParser::set_constants(const EventTexts& constants) { state_->constants = constants; }

Reason EventJsonParser::canonical_context(std::string_view json, std::string_view& canonical) {
  Arena arena;
  Row row(arena, true);
  const std::string_view text = state_->pad(json);
  od::document document;
  od::object object;
  auto error =
      state_->parser
          .iterate(simdjson::padded_string_view(text, text.size() + simdjson::SIMDJSON_PADDING))
          .get(document);
  if (!error) error = document.get_object().get(object);
  const bool good = !error && state_->read_context(row, object) && at_end(document);
  const Reason reason = state_->context.finish(canonical);
  return good ? reason : Reason::kBadContext;
}

Rejection EventJsonParser::parse(std::string_view json, EventBatch& batch) {
  return state_->parse_padded(state_->pad(json), batch, true);
}

Rejection EventJsonParser::parse_in_place(std::string_view json, EventBatch& batch) {
  return state_->parse_padded(json, batch, false);
}

Status EventJsonParser::parse_body(std::string_view body, size_t events_max, EventBatch& batch,
                                   const OnReject& on_reject) {
  const auto not_json = [](simdjson::error_code error) {
    return fail(Code::kInvalidArgument, "the body is not JSON: {}", simdjson::error_message(error));
  };
  od::document document;
  od::json_type type{};
  const std::string_view text = state_->pad(body);
  auto error =
      state_->parser
          .iterate(simdjson::padded_string_view(text, text.size() + simdjson::SIMDJSON_PADDING))
          .get(document);
  if (error) return not_json(error);
  error = document.type().get(type);
  if (error) return not_json(error);
  if (type == od::json_type::object) {
    if (Rejection rejection = parse(body, batch); rejection.reason != Reason::kNone) {
      if (rejection.reason == Reason::kBadJson) {
        return fail(Code::kInvalidArgument, "{}", rejection.sentence);
      }
      on_reject(0, std::move(rejection));
    }
    return {};
  }
  od::array array;
  if (document.get_array().get(array)) {
    return fail(Code::kInvalidArgument, "the body must be an event or an array of events");
  }
  size_t index = 0;
  for (auto element : array) {
    if (index >= events_max) {
      return fail(Code::kInvalidArgument, "more than {} events in one body", events_max);
    }
    od::object object;
    od::value value;
    error = std::move(element).get(value);
    if (error) return not_json(error);
    Rejection rejection = value.get_object().get(object) ? reject(Reason::kBadJson, "not an object")
                                                         : state_->read_object(object, batch, true);
    if (rejection.reason != Reason::kNone) on_reject(index, std::move(rejection));
    ++index;
  }
  if (!at_end(document)) {
    return fail(Code::kInvalidArgument, "there is more behind the array in the body");
  }
  return {};
}

std::string to_json(const EventView& row, std::string_view type_name) {
  std::string out;
  const auto text = [&](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    out += fmt::format("{}\"{}\":", out.empty() ? '{' : ',', key);
    append_json_string(out, value);
  };
  text("event_id", row.event_id);
  text("type", type_name);
  text("user", row.user);
  text("item", row.item);
  text("ts", format_rfc3339(row.ts));
  if (!std::isnan(row.value)) {
    out += ",\"value\":";
    append_json_number(out, row.value);
  }
  text("request_id", row.request_id);
  if (row.slot != kNoSlot) out += fmt::format(",\"slot\":{}", row.slot);
  if (!row.context.empty()) out += fmt::format(",\"context\":{}", row.context);
  return out + "}";
}

}  // namespace palate
