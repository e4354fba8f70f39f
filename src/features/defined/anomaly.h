// What likes of an item say together: whether it trends, and whether something is wrong with them.
#pragma once

#include "features/feature.h"

namespace palate::defined {

// By half-life.
using Likes = std::array<double, kHalfLives>;
template <class Read>
Likes likes_of(Read read) {
  return {read(kHour), read(kDay), read(kWeek)};
}

// An item's likes, and all among which it is looked at.
struct LikesAmong {
  Likes item{}, all{};
};

class LikesAtOnce {
 public:
  // `in` must outlive it.
  explicit LikesAtOnce(const FeatureInput& in);
  // In deviations of a count from what is likely: the lesser of the last hour's and the last day's,
  // so that neither one hour nor a day that is over makes a trend. At least 0.
  [[nodiscard]] double trending(ItemIx item) const;
  // The same within a part of all likes.
  [[nodiscard]] double trending(ItemIx item, const LikesAmong& likes) const;
  void fetch_ahead(size_t i) const { likes_.fetch_ahead(in_.items, i); }
  // With trust; false without.
  [[nodiscard]] bool anomalous(ItemIx item) const;

 private:
  struct Young {
    double likes = 0, share = 0;
  };
  [[nodiscard]] Young young(ItemIx item) const;
  [[nodiscard]] double read(size_t column, ItemIx item, HalfLife which) const {
    return in_.from.signals->items().read(column, item.value, which, in_.decay);
  }
  const FeatureInput& in_;
  const CountColumn likes_;
  Likes all_{};         // everybody's
  double all_raw_ = 0;  // of the last day, as they came
  double usual_ = 0;    // the share of new accounts among them
};

// Of the user's likes: the share that went to items that are anomalous now.
double burst_share(const FeatureInput& in);

}  // namespace palate::defined
