// Vectors of items by the item's tower, for all at once: in training, and for items that came after
// it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "infer/network.h"
#include "models/two_tower/item_content.h"

namespace palate {

// What the tower is told of items, one after the other.
struct TowerItems {
  std::vector<uint32_t> rows;  // of the table of items; 0: none of its own
  std::vector<uint32_t> terms, subwords;
  std::vector<uint64_t> terms_start{0}, subwords_start{0};
  std::vector<float> vectors;  // items × width, NaN where there is none
  void add(uint32_t row, const ItemContent& content);
  [[nodiscard]] size_t size() const { return rows.size(); }
};

// items × the tower's width, of length 1 where config.normalize. Errors: kInvalidArgument where
// the network is none of both_towers().
Result<std::vector<float>> tower_vectors(const Network& network, const TowerItems& items,
                                         const TwoTowerConfig& config);
// What the tower is told of a user: his history's weighted mean, of the tower's width, and rows of
// the table of profiles.
struct TowerUser {
  std::span<const float> history;
  std::span<const uint32_t> profile;
};
// His vector.
Status tower_user(const Network& network, const TowerUser& user, const TwoTowerConfig& config,
                  std::span<float> out);
// Scales to length 1, as the trainer does.
void scale_to_one(std::span<float> vector);

}  // namespace palate
