// The event types a tenant knows: declared in the config ([events.types.<name>]) over built-in
// defaults. Immutable after the config is read, so reading is thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/ids.h"
#include "base/result.h"

namespace palate {

enum class Role : uint8_t { kExposure, kPositive, kNegative, kNeutral };

struct EventType {
  std::string name;
  Role role = Role::kNeutral;
  double weight = 1.0;                   // confidence of one such event, > 0
  std::optional<double> positive_from;   // with a value: below it the event is no positive …
  std::optional<double> negative_below;  // … and below this it is a negative (one star is no like)
};

class EventTypes {
 public:
  // impression, click, play, watch, like, dislike, rating, save, share, comment, cart, purchase,
  // hide, search, survey.
  static EventTypes defaults();
  // Adds or replaces a type. Errors: kInvalidArgument.
  Status declare(EventType type);
  // Lets `schema` read [events.types.<name>] role/weight/positive_from/negative_below into this
  // object.
  void add_to(ConfigSchema& schema);

  [[nodiscard]] std::optional<EventTypeId> find(std::string_view name) const;
  [[nodiscard]] const EventType& at(EventTypeId id) const { return types_[id.value]; }
  [[nodiscard]] size_t size() const { return types_.size(); }
  // What one event says about taste: > 0 liked, < 0 disliked, 0 nothing. Magnitude is the type's
  // weight.
  [[nodiscard]] float preference(EventTypeId id, double value) const;
  // Stable over runs: pins models to the meaning of events that they were trained with.
  [[nodiscard]] uint64_t fingerprint() const;

 private:
  std::vector<EventType> types_;
};

}  // namespace palate
