#include "events/schema/contract.h"

#include <algorithm>
#include <cmath>

#include "events/event_row.h"
#include "events/schema/builtin_schema.h"

namespace palate {
namespace {

std::string_view text_of(const EventView& event, EventField field) {
  switch (field) {
    case EventField::kEventId:
      return event.event_id;
    case EventField::kUser:
      return event.user;
    case EventField::kItem:
      return event.item;
    case EventField::kRequestId:
      return event.request_id;
    default:
      return event.context;
  }
}

bool given(const EventView& event, EventField field) {
  switch (field) {
    case EventField::kType:
    case EventField::kTs:
      return true;
    case EventField::kValue:
      return !std::isnan(event.value);
    case EventField::kSlot:
      return event.slot != kNoSlot;
    default:
      return !text_of(event, field).empty();
  }
}

constexpr size_t kWhole = kEventFieldNames.size();  // in the place of a field: all of them

bool is_field(std::string_view name) {
  return std::ranges::find(kEventFieldNames, name) != kEventFieldNames.end();
}

// Whether the rules of an object as such say more than that it is one.
bool asks_of_whole(const SchemaNode& schema) {
  return (schema.types & kJsonObject) == 0 || schema.choices ||
         schema.property_count != SchemaSizes{} || !std::ranges::all_of(schema.required, is_field);
}

SchemaAnswer check_whole(const SchemaNode& schema, const EventView& event) {
  if ((schema.types & kJsonObject) == 0 || schema.choices) {
    return SchemaFault{"", "there may be no such event"};
  }
  const auto unknown = std::ranges::find_if_not(schema.required, is_field);
  if (unknown != schema.required.end()) {
    return SchemaFault{*unknown, "it is required, and events have no such field"};
  }
  uint64_t count = 0;
  for (size_t field = 0; field < kWhole; ++field) {
    if (given(event, static_cast<EventField>(field))) ++count;
  }
  const SchemaSizes& sizes = schema.property_count;
  if (count >= sizes.least && count <= sizes.most) return {};
  return SchemaFault{"", fmt::format("{} properties, {} {} are {}", count,
                                     count < sizes.least ? "at least" : "at most",
                                     count < sizes.least ? sizes.least : sizes.most,
                                     count < sizes.least ? "wanted" : "allowed")};
}

}  // namespace

Contract::Contract(std::array<SchemaVersion, 3> versions, const EventTypes& types, References known)
    : versions_(std::move(versions)), known_(std::move(known)) {
  for (const Stream stream : {Stream::kEvents, Stream::kItems, Stream::kUsers}) {
    const auto at = static_cast<size_t>(stream);
    asks_more_[at] = !(versions_[at].schema == builtin_schema(stream));
  }
  if (!asks_more_[0]) return;
  const SchemaNode& event = versions_[0].schema;
  add_rules(event, rules_);
  if (!event.of_type.empty()) of_type_.resize(types.size());
  for (size_t id = 0; id < types.size(); ++id) {
    type_names_.push_back(types.at(EventTypeId{static_cast<uint16_t>(id)}).name);
    const auto own = event.of_type.find(type_names_.back());
    if (own != event.of_type.end()) add_rules(own->second, of_type_[id]);
  }
}

void Contract::add_rules(const SchemaNode& schema, Rules& rules) const {
  const SchemaNode& builtin = builtin_schema(Stream::kEvents);
  const SchemaNode anything;
  for (size_t field = 0; field < kEventFieldNames.size(); ++field) {
    const std::string_view name = kEventFieldNames[field];
    const SchemaNode& asked = schema.property(name);
    if (!(asked == builtin.property(name)) && !(asked == anything)) {
      rules.fields.emplace_back(field, &asked);
    }
    if (schema.required.contains(name) && !builtin.required.contains(name)) {
      rules.required.push_back(field);
    }
  }
  if (asks_of_whole(schema)) rules.fields.emplace_back(kWhole, &schema);
}

SchemaAnswer Contract::check(const Rules& rules, const EventView& event) const {
  for (const size_t field : rules.required) {
    if (!given(event, static_cast<EventField>(field))) {
      return SchemaFault{std::string(kEventFieldNames[field]), "it is required"};
    }
  }
  for (const auto& [index, schema] : rules.fields) {
    if (index == kWhole) return check_whole(*schema, event);
    const auto field = static_cast<EventField>(index);
    if (!given(event, field)) continue;
    SchemaAnswer wrong;
    if (field == EventField::kValue || field == EventField::kSlot) {
      wrong = check_number(*schema, field == EventField::kValue ? event.value : event.slot);
    } else if (field == EventField::kTs) {
      wrong = check_number(*schema, static_cast<double>(event.ts.us));
    } else if (field == EventField::kType) {
      wrong = check_text(*schema, type_names_[event.type.value]);
    } else if (field == EventField::kContext) {
      wrong = check_json(*schema, event.context);
    } else {
      wrong = check_text(*schema, text_of(event, field));
    }
    if (!wrong) continue;
    const std::string_view name = kEventFieldNames[index];
    wrong->path = wrong->path.empty() ? std::string(name) : fmt::format("{}.{}", name, wrong->path);
    return wrong;
  }
  return {};
}

Rejection Contract::named(Stream stream, SchemaAnswer answer) const {
  if (!answer) return {};
  return {Reason::kSchema,
          fmt::format("it does not fit schema {}: {}{}{}", schema_name(stream), answer->path,
                      answer->path.empty() ? "" : ": ", answer->sentence),
          answer->path};
}

Rejection Contract::check(const EventView& event) const {
  if (known_.item && !event.item.empty() && !known_.item(event.item)) {
    return reject(Reason::kUnknownItem, event.item);
  }
  if (known_.user && !known_.user(event.user)) return reject(Reason::kUnknownUser, event.user);
  if (!asks_more_[0]) return {};
  SchemaAnswer wrong = check(rules_, event);
  if (!wrong && !of_type_.empty()) wrong = check(of_type_[event.type.value], event);
  return named(Stream::kEvents, std::move(wrong));
}

template <class Record>
Rejection Contract::check_record(Stream stream, const Record& record) const {
  const auto at = static_cast<size_t>(stream);
  if (!asks_more_[at]) return {};
  return named(stream, check_json(versions_[at].schema, to_json(record)));
}

Rejection Contract::check(const ItemRecord& item) const {
  return check_record(Stream::kItems, item);
}
Rejection Contract::check(const UserRecord& user) const {
  return check_record(Stream::kUsers, user);
}

std::string Contract::schema_name(Stream stream) const {
  return fmt::format("{}/{}", schema_kind(stream), versions_[static_cast<size_t>(stream)].number);
}

}  // namespace palate
