// What trends in one region, or among one segment of users ([features] local_trends).
#pragma once

#include <vector>

#include "features/feature.h"

namespace palate {

struct LocalTrend {
  ItemIx item;
  double deviations = 0;  // as the feature item_trending, within what is liked there; above 0
};

// Best first, ties by ascending item; empty where nothing trends or `place` is kNoRegion.
// `from.signals` must be there. As long as there are items that were ever liked in the place.
std::vector<LocalTrend> local_trends(const FeatureSources& from, RegionIx place, TimeUs now);

}  // namespace palate
