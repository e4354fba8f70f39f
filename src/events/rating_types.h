// Which types of events are ratings: values on a scale that says how much somebody liked it.
#pragma once

#include <vector>

#include "events/event_types.h"

namespace palate {

// Positive types with a border between liking and not. Their values are kept whatever they say.
inline bool is_rating_type(const EventType& type) {
  return type.role == Role::kPositive && (type.positive_from || type.negative_below);
}

inline std::vector<EventTypeId> rating_types(const EventTypes& types) {
  std::vector<EventTypeId> found;
  for (uint16_t i = 0; i < types.size(); ++i) {
    if (is_rating_type(types.at({i}))) found.push_back({i});
  }
  return found;
}

// Whether datasets and histories keep an event of this preference.
inline bool says_something(const EventType& type, float preference, double value) {
  return preference != 0 || (is_rating_type(type) && value == value);
}

}  // namespace palate
