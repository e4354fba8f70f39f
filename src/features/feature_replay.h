// Features as they were: one plain pass over the log, one event at a time, that stops at positions.
// What a training set reads its features from, and what serving is held against; it shares the
// folds of one event with serving and nothing else (no batches, no store, no caches).
#pragma once

#include <functional>
#include <span>
#include <stop_token>
#include <string_view>
#include <utility>

#include "events/log.h"
#include "features/feature.h"
#include "ids/keyed_hash.h"

namespace palate {

// All users' states are held in memory.
class FeatureReplay {
 public:
  struct Parts {
    const EventLog* log;
    const EventTypes* types;
    const KeyedHash* hash;
    HistoryLimits limits;
    FeatureConfig features;
  };
  // What was known at a moment; valid during the visit.
  struct Known {
    FeatureSources sources;
    // nullptr for somebody without any state.
    std::function<const UserState*(std::string_view user)> user;
  };
  // `moment`: its place among those asked for.
  using Visit = std::function<Status(size_t moment, const Known& known)>;

  explicit FeatureReplay(Parts parts) : parts_(std::move(parts)) {}
  // `moments` ascend in every stream. Errors: kInvalidArgument for one behind the end of the log;
  // kCancelled, kCorrupt, those of the log and of `visit`.
  Status run(std::span<const AsOf> moments, const Visit& visit, const std::stop_token& stop);

 private:
  Parts parts_;
};

}  // namespace palate
