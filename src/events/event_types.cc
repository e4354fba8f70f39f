#include "events/event_types.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "base/hash.h"
#include "events/limits.h"

namespace palate {
namespace {

constexpr std::array<std::string_view, 4> kRoleNames = {"exposure", "positive", "negative",
                                                        "neutral"};

bool good_name(std::string_view name) {
  return !name.empty() && name.size() <= kTypeNameBytesMax && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  });
}

Result<double> number(const std::string& key, const FieldValue& value) {
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* integer = std::get_if<int64_t>(&value)) return static_cast<double>(*integer);
  return fail(Code::kInvalidArgument, "{} must be a number", key);
}

Result<Role> role_from(const FieldValue& value) {
  const auto* name = std::get_if<std::string>(&value);
  const auto found = name ? std::ranges::find(kRoleNames, *name) : kRoleNames.end();
  if (found == kRoleNames.end()) {
    return fail(Code::kInvalidArgument,
                "role must be one of exposure, positive, negative, neutral");
  }
  return static_cast<Role>(found - kRoleNames.begin());
}

Status set_key(EventType& type, const std::string& key, const FieldValue& value) {
  if (key == "role") {
    type.role = TRY(role_from(value));
  } else if (key == "weight") {
    type.weight = TRY(number(key, value));
  } else if (key == "positive_from") {
    type.positive_from = TRY(number(key, value));
  } else if (key == "negative_below") {
    type.negative_below = TRY(number(key, value));
  } else {
    return fail(
        Code::kInvalidArgument,
        "unknown key '{}': an event type has role, weight, positive_from and negative_below", key);
  }
  return {};
}

}  // namespace

// Weights: what the act costs the user. A rating from 3.5 stars of 5 on is a like, below 2.5 a
// dislike; other scales declare their own borders in the config.
EventTypes EventTypes::defaults() {
  EventTypes types;
  types.types_ = {
      {"impression", Role::kExposure, 1.0, {}, {}}, {"click", Role::kPositive, 1.0, {}, {}},
      {"play", Role::kPositive, 1.0, {}, {}},       {"watch", Role::kPositive, 1.0, {}, {}},
      {"like", Role::kPositive, 3.0, {}, {}},       {"dislike", Role::kNegative, 3.0, {}, {}},
      {"rating", Role::kPositive, 2.0, 3.5, 2.5},   {"save", Role::kPositive, 3.0, {}, {}},
      {"share", Role::kPositive, 3.0, {}, {}},      {"comment", Role::kPositive, 1.0, {}, {}},
      {"cart", Role::kPositive, 3.0, {}, {}},       {"purchase", Role::kPositive, 5.0, {}, {}},
      {"hide", Role::kNegative, 3.0, {}, {}},       {"search", Role::kNeutral, 1.0, {}, {}},
      {"survey", Role::kNeutral, 1.0, {}, {}},
  };
  return types;
}

Status EventTypes::declare(EventType type) {
  if (!good_name(type.name)) {
    return fail(Code::kInvalidArgument,
                "event type '{}': a name is 1 to {} of a-z, 0-9, '_', '-' and '.'", type.name,
                kTypeNameBytesMax);
  }
  if (!std::isfinite(type.weight) || type.weight <= 0) {
    return fail(Code::kInvalidArgument, "event type '{}': weight must be a number above 0",
                type.name);
  }
  for (const auto& border : {type.positive_from, type.negative_below}) {
    if (border && !std::isfinite(*border)) {
      return fail(Code::kInvalidArgument, "event type '{}': borders must be finite", type.name);
    }
  }
  if (type.positive_from && type.negative_below && *type.negative_below > *type.positive_from) {
    return fail(Code::kInvalidArgument,
                "event type '{}': negative_below must not lie above positive_from", type.name);
  }
  if (const auto known = find(type.name)) {
    types_[known->value] = std::move(type);
    return {};
  }
  if (types_.size() >= kEventTypesMax) {
    return fail(Code::kInvalidArgument, "more than {} event types", kEventTypesMax);
  }
  types_.push_back(std::move(type));
  return {};
}

void EventTypes::add_to(ConfigSchema& schema) {
  schema.add_table(
      "events.types",
      "What an event of this type says: role (exposure, positive, negative, neutral), weight, and "
      "the values from which it is a like and below which it is a dislike.",
      "[events.types.rating]\nrole = \"positive\"\nweight = 2.0\npositive_from = 3.5\n"
      "negative_below = 2.5\n",
      [this](const std::string& name, const std::map<std::string, FieldValue>& values) -> Status {
        const auto known = find(name);
        EventType type = known ? at(*known) : EventType{name, Role::kNeutral, 1.0, {}, {}};
        for (const auto& [key, value] : values) TRY(set_key(type, key, value));
        return declare(std::move(type));
      });
}

std::optional<EventTypeId> EventTypes::find(std::string_view name) const {
  for (size_t i = 0; i < types_.size(); ++i) {
    if (types_[i].name == name) return EventTypeId{static_cast<uint16_t>(i)};
  }
  return std::nullopt;
}

float EventTypes::preference(EventTypeId id, double value) const {
  if (id.value >= types_.size()) return 0;
  const EventType& type = types_[id.value];
  const auto weight = static_cast<float>(type.weight);
  if (type.role == Role::kNegative) return -weight;
  if (type.role != Role::kPositive) return 0;
  if (std::isnan(value)) return weight;
  if (type.negative_below && value < *type.negative_below) return -weight;
  if (type.positive_from && value < *type.positive_from) return 0;
  return weight;
}

uint64_t EventTypes::fingerprint() const {
  std::string text;
  for (const EventType& type : types_) {
    text += fmt::format("{}|{}|{}|{}|{}\n", type.name, kRoleNames[static_cast<size_t>(type.role)],
                        type.weight, type.positive_from ? fmt::to_string(*type.positive_from) : "",
                        type.negative_below ? fmt::to_string(*type.negative_below) : "");
  }
  return hash64(text);
}

}  // namespace palate
