// A slate as the answer of /v1/recommendations and /v1/similar.
#pragma once

#include <string>

#include "recommend/recommender.h"

namespace palate {

std::string to_json(const Slate& slate);

}  // namespace palate
