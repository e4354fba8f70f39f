// The kinds of stages, a function each; listed in catalog.cc.
#pragma once

#include "base/check.h"
#include "recommend/pipeline_stage.h"

namespace palate::stages {

StageKind where_filter();
StageKind seen_filter();
StageKind cap_filter();
StageKind languages_filter();
StageKind region_filter();
StageKind maturity_filter();

StageKind personal_source();
StageKind popular_source();
StageKind similar_source();
StageKind co_viewed_source();
StageKind unfinished_source();
StageKind creators_source();
StageKind new_source();
StageKind trending_source();

StageKind formula_ranker();

StageKind spread_reranker();
StageKind dpp_reranker();
StageKind mmr_reranker();
StageKind calibrate_reranker();
StageKind exposure_reranker();
StageKind newcomers_reranker();
StageKind pin_reranker();
StageKind explore_reranker();

}  // namespace palate::stages
