#include <array>

#include "recommend/stages/stages.h"

namespace palate {

std::span<const StageKind> stage_kinds() {
  static const std::array kKinds{
      stages::where_filter(),      stages::seen_filter(),        stages::cap_filter(),
      stages::languages_filter(),  stages::region_filter(),      stages::maturity_filter(),
      stages::personal_source(),   stages::similar_source(),     stages::co_viewed_source(),
      stages::unfinished_source(), stages::creators_source(),    stages::popular_source(),
      stages::trending_source(),   stages::new_source(),         stages::formula_ranker(),
      stages::spread_reranker(),   stages::calibrate_reranker(), stages::dpp_reranker(),
      stages::mmr_reranker(),      stages::exposure_reranker(),  stages::newcomers_reranker(),
      stages::explore_reranker(),  stages::pin_reranker(),
  };
  return kKinds;
}

}  // namespace palate
