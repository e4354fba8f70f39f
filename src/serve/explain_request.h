// What a client asks /v1/explain and /v1/rank for. Strict, as recommend_request.h.
#pragma once

#include <string_view>

#include "base/result.h"
#include "recommend/explanation.h"
#include "recommend/recommender.h"
#include "serve/parameters.h"

namespace palate {

// Errors: kInvalidArgument, naming field and what is allowed.
Result<ExplainRequest> explain_request(const Parameters& parameters);
Result<RankRequest> rank_request(std::string_view body);

}  // namespace palate
