#include "events/event_row.h"

#include <cmath>

#include "events/limits.h"
#include "events/schema/contract.h"

namespace palate {

Reason EventRowBuilder::find_type(std::string_view name) {
  const bool is_default = name.empty();
  if (is_default) name = options_.default_type;
  if (name.empty()) return Reason::kMissingType;
  const auto mapped = options_.type_names.find(name);
  const auto known =
      options_.types->find(mapped == options_.type_names.end() ? name : mapped->second);
  if (!known) return Reason::kUnknownType;
  last_name_ = name;
  last_is_default_ = is_default;
  last_type_ = *known;
  needs_item_ = options_.types->at(*known).role != Role::kNeutral;
  return Reason::kNone;
}

Reason EventRowBuilder::set_type(std::string_view name, EventView& row) {
  const bool same = last_type_.value != EventTypeId{}.value &&
                    (name.empty() ? last_is_default_ : name == last_name_);
  if (!same) {
    const Reason reason = find_type(name);
    if (reason != Reason::kNone) return reason;
  }
  row.type = last_type_;
  return Reason::kNone;
}

Reason EventRowBuilder::set_time(std::string_view text, EventView& row) const {
  row.received = options_.received;
  if (options_.time != TimeKind::kReal) {
    row.ts = TimeUs{0};
    return Reason::kNone;
  }
  if (text.empty()) {
    if (!options_.missing_ts_is_now) return Reason::kMissingTime;
    row.ts = options_.received;
    return Reason::kNone;
  }
  const auto ts = parse_time(text, options_.ts_unit);
  if (!ts) return Reason::kBadTime;
  row.ts = *ts;
  if (options_.received_is_ts) row.received = *ts;
  return Reason::kNone;
}

Reason EventRowBuilder::build(const EventTexts& texts, EventView& row) {
  row.event_id = texts[EventField::kEventId];
  row.user = texts[EventField::kUser];
  row.item = texts[EventField::kItem];
  row.request_id = texts[EventField::kRequestId];
  row.context = texts[EventField::kContext];
  Reason reason = set_type(texts[EventField::kType], row);
  if (reason != Reason::kNone) return reason;
  reason = set_time(texts[EventField::kTs], row);
  if (reason != Reason::kNone) return reason;
  if (const std::string_view text = texts[EventField::kValue]; !text.empty()) {
    const auto value = parse_real(text);
    if (!value) return Reason::kBadValue;
    if (!std::isfinite(*value)) return Reason::kValueNotFinite;
    row.value = *value;
  }
  if (const std::string_view text = texts[EventField::kSlot]; !text.empty()) {
    const auto slot = parse_whole(text);
    if (!slot || *slot < 0 || *slot > kSlotMax) return Reason::kBadSlot;
    row.slot = static_cast<int32_t>(*slot);
  }
  if (row.item.empty() && needs_item_) return Reason::kMissingItem;
  const Reason reason_of_all = check_event(row, {options_.received, texts.clean});
  if (reason_of_all != Reason::kNone || options_.contract == nullptr) return reason_of_all;
  return options_.contract->check(row).reason;
}

Rejection EventRowBuilder::describe(Reason reason, const EventTexts& texts,
                                    const EventView& row) const {
  const auto with = [&](EventField field) {
    const std::string_view text = texts[field].substr(0, 64);
    return check_text(text) == Reason::kNone
               ? reject(reason, std::string(kEventFieldNames[static_cast<size_t>(field)]) + " '" +
                                    std::string(text) + "'")
               : reject(reason);
  };
  switch (reason) {
    case Reason::kUnknownType:
      return with(EventField::kType);
    case Reason::kBadTime:
      return with(EventField::kTs);
    case Reason::kBadValue:
    case Reason::kValueNotFinite:
      return with(EventField::kValue);
    case Reason::kBadSlot:
      return with(EventField::kSlot);
    case Reason::kSchema:
    case Reason::kUnknownItem:
    case Reason::kUnknownUser:
      return options_.contract->check(row);
    default:
      return palate::describe(reason, row);
  }
}

}  // namespace palate
