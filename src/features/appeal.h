// Whether those who are shown an item like it. Likes that answer no slate are believed as far as
// that: a hit that people come for proves itself as soon as it is shown, and what is pushed does
// not.
#pragma once

#include <algorithm>

namespace palate {

// Decayed counts of one half-life at one moment.
struct ShownAndLiked {
  double shown = 0, liked = 0;          // the item, and its likes that answer a slate
  double all_shown = 0, all_liked = 0;  // everybody's
};

// From 0 to 1: 1 where the item is liked as often as others when it is shown, or not known to be
// less.
inline double believed(const ShownAndLiked& counts) {
  constexpr double kSmoothingShown = 10;
  if (counts.all_liked <= 0 || counts.all_shown <= 0) return 1;
  const double likely = counts.liked * counts.all_shown / counts.all_liked;
  const double appeal = (likely + kSmoothingShown) / (counts.shown + kSmoothingShown);
  return std::min(appeal * appeal, 1.0);
}

}  // namespace palate
