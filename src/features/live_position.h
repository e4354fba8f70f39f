// Up to where the store's state is folded, and by what: written in the same batch as every fold
// (docs/formats/user-state.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace palate {

inline constexpr std::string_view kLivePositionKey = "position";

struct LivePosition {
  uint64_t spec_hash = 0;    // feature_spec_hash()
  uint64_t event_types = 0;  // EventTypes::fingerprint()
  uint64_t features = 0;     // FeatureConfig::fingerprint()
  uint64_t events_max = 0, consumed_max = 0;
  uint64_t events = 0, users = 0;  // exclusive ends in the two streams

  bool operator==(const LivePosition&) const = default;
  // Folded by the same features, types and limits: the state can be carried on.
  [[nodiscard]] bool same_meaning(const LivePosition& other) const {
    return spec_hash == other.spec_hash && event_types == other.event_types &&
           features == other.features && events_max == other.events_max &&
           consumed_max == other.consumed_max;
  }
};

std::string encode_live_position(const LivePosition& position);
// Errors: kCorrupt. One of another format has another meaning and no position.
Result<LivePosition> decode_live_position(std::string_view bytes);

}  // namespace palate
