// What a user did, beyond the history of what he likes: counts by type, and the little that his
// trust follows from. Folded one event at a time in the order of the log, so that every way of
// cutting the log gives the same bits. Kept only where [features] asks for it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "events/event_types.h"
#include "features/decayed_counts.h"

namespace palate {

struct HistoryEntry;

struct UserActivity {
  static constexpr size_t kTops = 4, kRecent = 4;
  struct OfType {
    EventTypeId type;
    DecayedCounts counts;
    bool operator==(const OfType&) const = default;
  };
  // Misra–Gries ("Finding repeated elements", 1982) over the likes that answer no slate: the items
  // that make up more than a fifth of them are among these; counts are at most so much too low.
  struct Top {
    ItemIx item;
    uint32_t count = 0;  // 0: nobody's
    bool operator==(const Top&) const = default;
  };

  uint64_t end = 0;  // offset behind the last event that was folded: repeats change nothing
  uint64_t events = 0;
  uint64_t exposures = 0;  // what the user was shown
  uint64_t likes = 0, dislikes = 0;
  uint64_t unprompted = 0;        // likes and dislikes that answer no slate
  TimeUs first, last;             // of events that have a time
  std::vector<OfType> types;      // ascending by type; empty without [features] counters
  DecayedCounts acts;             // what the user did himself: all but impressions
  uint64_t gaps = 0;              // between his acts, where time moved on
  uint64_t gap_bits = 0;          // the sum of their log2 in microseconds, in 1/256 …
  uint64_t gap_bits_squared = 0;  // … and of its squares
  std::array<Top, kTops> tops{};
  std::array<ItemIx, kRecent> recent{};  // liked last, newest first, distinct
  // What the user was shown and has not acted on since; the newest, in the order of the log.
  struct Shown {
    ItemIx item;
    TimeUs at;
    bool operator==(const Shown&) const = default;
  };
  std::vector<Shown> shown;  // empty without [features] shown
  bool operator==(const UserActivity&) const = default;
};

struct ActivityRules {
  const EventTypes* types;
  bool counters = false;
  size_t shown_max = 0;  // of UserActivity::shown
};

// Events come ascending by offset; false for one that was folded before, which changes nothing.
bool fold_activity(UserActivity& activity, const HistoryEntry& entry, const ActivityRules& rules);

void encode_activity(ByteWriter& out, const UserActivity& activity, const EventTypes& types);
// nullopt for damage or an unknown type; then the state is to be rebuilt.
std::optional<UserActivity> decode_activity(ByteReader& in, const EventTypes& types);

}  // namespace palate
