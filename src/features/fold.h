// Folding many events at once: resolved blocks are gathered by user, partition by partition, and
// each user's state is read, folded and encoded once. All work is cut by the input alone, so the
// bytes do not depend on threads.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "events/event_types.h"
#include "features/history.h"
#include "features/resolve.h"
#include "features/user_side.h"
#include "ids/keyed_hash.h"
#include "store/state_store.h"

namespace palate {

struct FoldParts {
  const EventTypes* types;
  const KeyedHash* hash;
  const StateStore* store;
  HistoryLimits limits;
  const FeatureConfig* features;
  bool store_is_empty = false;  // nothing to read: nobody has a state yet
};

// What is folded together: blocks in log order, and the users that their entries name.
struct FoldInput {
  std::span<const ResolvedBlock> blocks;
  std::vector<const Resolver::Users*> users;  // by ResolvedBlock::resolver
  uint64_t first = 0;                         // offset of the first event
  std::span<EventWeight> weights = {};        // for [features]: by offset less `first`
};

struct Partitions {
  size_t begin = 0, end = kUserPartitions;
};

class UserFold {
 public:
  UserFold(const FoldParts& parts, FoldInput input);
  // Takes a user's key and new state; keys ascend within a call, and from partition to partition.
  using Take = std::function<Status(std::string_view key, std::string_view state)>;
  // Thread-safe for different partitions.
  Status fold(Partitions some, const Take& take);
  // What was liked together in these partitions, for [features]. Not while fold() runs.
  [[nodiscard]] const std::vector<LikedTogether>& liked(size_t partition) const {
    return liked_[partition];
  }

 private:
  struct Member;
  struct Grouped;
  std::vector<Member> members_of(Partitions some) const;
  Grouped group(Partitions some, size_t users) const;
  const FoldParts& parts_;
  FoldInput input_;
  // Of each resolver: its users by partition, where each partition begins, and each user's place
  // among the distinct ones of its partition.
  struct Cut {
    std::vector<uint32_t> users, place;
    std::array<uint32_t, kUserPartitions + 1> begin{};
  };
  std::vector<Cut> cuts_;
  std::array<std::vector<LikedTogether>, kUserPartitions> liked_;  // by the first of a fold()
};

}  // namespace palate
