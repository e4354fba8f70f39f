// The answers of /v1/explain and /v1/rank.
#pragma once

#include <string>

#include "recommend/explanation.h"

namespace palate {

std::string to_json(const Explanation& explanation);
std::string to_json(const RankedCandidates& ranked);

}  // namespace palate
