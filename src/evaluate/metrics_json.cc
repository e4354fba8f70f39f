#include "evaluate/metrics_json.h"

#include <nlohmann/json.hpp>

namespace palate {

nlohmann::json metrics_json(std::span<const MetricValue> metrics) {
  nlohmann::json list = nlohmann::json::array();
  for (const MetricValue& metric : metrics) {
    list.push_back({{"name", metric.name},
                    {"k", metric.k},
                    {"mean", metric.value.mean},
                    {"low", metric.value.low},
                    {"high", metric.value.high}});
    if (metric.p >= 0) list.back()["p"] = metric.p;
  }
  return list;
}

}  // namespace palate
