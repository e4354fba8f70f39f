// What can be shown at a time, and the world's own policy of showing it: a category by the user's
// tastes (half) or by chance (half), an item of it by popularity, novelty and buzz; or, on
// randomized visits, any item with the same probability. Both draw without replacement, so the
// probability of each slot given those before it is known.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "math/philox.h"
#include "simulate/truth/catalogue.h"
#include "simulate/truth/laws.h"
#include "simulate/truth/people.h"

namespace palate {

inline constexpr int kShelvesADay = 4;

// Whom a slate is for.
struct SlateFor {
  std::array<double, kTopicsMax> categories{};  // shares of the categories, sum 1
  uint8_t region = 0;
  bool randomized = false;
};

SlateFor slate_for(const UserNature& nature, const PersonTastes& tastes, bool randomized);

// Immutable.
class WorldShelf {
 public:
  // What was released by `day`, weighted as of then.
  WorldShelf(const SimulateConfig& config, const ItemCatalogue& items, double day);

  // Replaces `slate` by up to `slots` distinct items that may be shown in the region; fewer only
  // when there are hardly more of them than slots.
  void draw(Philox& random, const SlateFor& whom, size_t slots, std::vector<uint32_t>& slate) const;
  // The probability of each slot given the slots before it; 0 for what is not on the shelf.
  [[nodiscard]] std::vector<double> propensities(const SlateFor& whom,
                                                 std::span<const uint32_t> slate) const;
  [[nodiscard]] size_t size() const { return items_.size(); }
  // Of the shelf, by popularity alone; nothing when the shelf is empty.
  [[nodiscard]] std::vector<uint32_t> popular(Philox& random, size_t count) const;

 private:
  struct Category {
    size_t begin = 0, end = 0;                            // in items_
    std::array<double, std::size(kRegions)> available{};  // weight that may be shown in a region
    double weight = 0;
  };
  [[nodiscard]] uint32_t draw_one(Philox& random, const SlateFor& whom) const;
  [[nodiscard]] double probability(const SlateFor& whom, uint32_t item) const;
  [[nodiscard]] double category_share(const SlateFor& whom, size_t category) const;

  const ItemCatalogue& catalogue_;
  std::vector<uint32_t> items_;     // by category, ascending
  std::vector<double> cumulative_;  // of weights, anew in each category
  std::vector<Category> categories_;
  std::array<size_t, std::size(kRegions)> available_{};
};

}  // namespace palate
