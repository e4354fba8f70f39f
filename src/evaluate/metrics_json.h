// Metrics as every report's JSON has them.
#pragma once

#include <span>

#include <nlohmann/json_fwd.hpp>

#include "evaluate/evaluate.h"

namespace palate {

nlohmann::json metrics_json(std::span<const MetricValue> metrics);

}  // namespace palate
