#include "features/local_trends.h"

#include <algorithm>

#include "features/defined/anomaly.h"

namespace palate {

std::vector<LocalTrend> local_trends(const FeatureSources& from, RegionIx place, TimeUs now) {
  std::vector<LocalTrend> trends;
  if (place == kNoRegion) return trends;
  const DecayedCounts::Moment moment(now);
  const FeatureMoment asked{.user = nullptr, .region = {}, .now = now};
  const FeatureScratch scratch;
  const FeatureInput in{from, asked, scratch, moment, {}};
  const defined::LikesAtOnce everywhere(in);
  const CountColumn totals = from.signals->regions().column(from.signals->likes());
  const auto all =
      defined::likes_of([&](HalfLife which) { return totals.read(place, which, moment); });
  for (const auto& [item, counts] : from.signals->local_likes(place)) {
    const auto likes =
        defined::likes_of([&](HalfLife which) { return counts.likes.read(which, moment); });
    const double deviations = everywhere.trending({item}, {likes, all});
    if (deviations > 0) trends.push_back({{item}, deviations});
  }
  std::ranges::sort(trends, [](const LocalTrend& a, const LocalTrend& b) {
    return a.deviations != b.deviations ? a.deviations > b.deviations : a.item < b.item;
  });
  return trends;
}

}  // namespace palate
