// What a split asks: for each user, which items would have been right.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/split.h"

namespace palate {

struct TestSet {
  std::vector<UserIx> users;       // with at least one relevant item, ascending
  std::vector<uint64_t> start;     // users + 1
  std::vector<uint32_t> relevant;  // items, ascending and distinct within a user
  uint64_t users_left_out = 0;     // with test rows, but none that is relevant
  uint64_t test_interactions = 0;

  [[nodiscard]] std::span<const uint32_t> of(size_t row) const {
    return std::span(relevant).subspan(start[row], start[row + 1] - start[row]);
  }
};

// Relevant: a distinct item with a positive preference in the user's test rows, that is in none of
// the user's training rows.
TestSet make_test_set(const Dataset& data, const Split& split);

}  // namespace palate
