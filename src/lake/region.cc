#include "lake/region.h"

#include <nlohmann/json.hpp>

#include "lake/zones.h"

namespace palate::lake {
namespace {

constexpr size_t kContextsMax = 65'536;
constexpr size_t kRegionsMax = 1000;  // of one compaction: more would be no regions

}  // namespace

std::string RegionOfContext::find(std::string_view context) {
  if (key_.empty() || context.empty()) return {};
  const auto known = known_.find(context);
  if (known != known_.end()) return known->second;
  if (known_.size() == kContextsMax) known_.clear();
  std::string region = parse(context);
  if (regions_.size() == kRegionsMax && !regions_.contains(region)) region.clear();
  if (!region.empty()) regions_.insert(region);
  known_.emplace(context, region);
  return region;
}

std::string RegionOfContext::parse(std::string_view context) const {
  const auto json =
      nlohmann::json::parse(context.begin(), context.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return {};
  const auto found = json.find(key_);
  if (found == json.end() || !found->is_string()) return {};
  std::string region = found->get<std::string>();
  return good_region(region) ? region : std::string();
}

}  // namespace palate::lake
