// What a client asks /v1/recommendations and /v1/similar for, read from a query string or a JSON
// body. Strict: unknown fields are refused by name.
#pragma once

#include <string_view>

#include "base/result.h"
#include "recommend/recommender.h"
#include "serve/parameters.h"

namespace palate {

// Errors: kInvalidArgument, naming field and what is allowed. Limits are recommender.h's.
Result<RecommendRequest> recommend_request(const Parameters& parameters);
Result<RecommendRequest> recommend_request(std::string_view body);
Result<SimilarRequest> similar_request(const Parameters& parameters);

}  // namespace palate
