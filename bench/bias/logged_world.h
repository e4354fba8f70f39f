// What a simulated world logs while an old ranker answers: pages, and what was clicked on them.
#pragma once

#include <string_view>
#include <vector>

#include "dataset/exposure_bias.h"
#include "simulate/truth/truth.h"
#include "simulate/world.h"

namespace palate::bench {

// Who answered the visits of production. A share of visits (simulate.random_share) got pages drawn
// uniformly in any case.
enum class OldRanker {
  kDrawn,    // nobody: these pages were drawn uniformly, too
  kOwn,      // the world's own policy, whose places do not depend on the item
  kClicked,  // three pages of that policy in the order of the clicks that items have had so far
  kKnowing,  // three pages of that policy in the order of what the user would like
};
Result<OldRanker> parse_old_ranker(std::string_view name);

struct LoggedRow {
  ShownRow shown;  // responses: 1 a click, 2 a click with a like
  uint32_t user = 0, item = 0;
  uint32_t visit = 0;  // of the user
  double day = 0;
  float watched = 0;  // the share of its length, once clicked
};

// A row an impression, in order of time.
Result<std::vector<LoggedRow>> log_of(const World& world, OldRanker ranker);

}  // namespace palate::bench
