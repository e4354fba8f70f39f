#include "features/reader.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/split.h"

namespace palate {
namespace {

const UserState kNobody;

bool kept(const Feature& feature, const FeatureConfig& config) {
  if (feature.needs_flag != nullptr && !(config.*feature.needs_flag)) return false;
  return !feature.needs_co_views || config.co_views > 0;
}

Result<FeatureArguments> arguments_of(const Feature& feature,
                                      std::span<const std::string_view> given,
                                      const EventTypes& types) {
  FeatureArguments arguments;
  const size_t wanted = (feature.by_type ? 1u : 0u) + (feature.by_half_life ? 1u : 0u);
  if (given.size() != wanted) {
    return fail(Code::kInvalidArgument, "feature '{}' takes {} arguments{}{}", feature.spec.name,
                wanted, feature.by_type ? ", an event type" : "",
                feature.by_half_life ? ", a half-life (1h, 1d, 7d)" : "");
  }
  if (feature.by_type) {
    const auto type = types.find(given.front());
    if (!type) return fail(Code::kInvalidArgument, "there is no event type '{}'", given.front());
    arguments.type = *type;
  }
  if (feature.by_half_life) {
    const auto at = std::ranges::find(kHalfLifeNames, given.back());
    if (at == kHalfLifeNames.end()) {
      return fail(Code::kInvalidArgument, "half-life '{}' must be 1h, 1d or 7d", given.back());
    }
    arguments.half_life = static_cast<HalfLife>(at - kHalfLifeNames.begin());
  }
  return arguments;
}

}  // namespace

Result<FeatureReader> FeatureReader::make(std::span<const std::string> names,
                                          const EventTypes& types, const FeatureConfig& config) {
  FeatureReader reader;
  std::string text;
  for (const std::string& name : names) {
    const std::vector<std::string_view> parts = split(name, ':');
    const auto all = features();
    const auto found =
        std::ranges::find(all, parts.front(), [](const Feature& f) { return f.spec.name; });
    if (found == all.end()) {
      return fail(Code::kInvalidArgument, "there is no feature '{}'; palate features lists them",
                  parts.front());
    }
    if (!kept(*found, config)) {
      return fail(Code::kInvalidArgument, "feature '{}' needs [features] {}", name,
                  found->needs_co_views                        ? "co_views"
                  : found->needs_flag == &FeatureConfig::trust ? "trust"
                                                               : "counters");
    }
    const FeatureArguments arguments =
        TRY(arguments_of(*found, std::span(parts).subspan(1), types));
    reader.wanted_.push_back({&*found, arguments});
    text += fmt::format("{}@{}\n", name, found->spec.version);
  }
  reader.hash_ = hash64(text);
  return reader;
}

std::vector<std::string> FeatureReader::all_names(const EventTypes& types,
                                                  const FeatureConfig& config) {
  std::vector<std::string> names;
  for (const Feature& feature : features()) {
    if (!kept(feature, config)) continue;
    const size_t of_types = feature.by_type ? types.size() : 1;
    const size_t of_half_lives = feature.by_half_life ? kHalfLives : 1;
    for (uint16_t t = 0; t < of_types; ++t) {
      for (size_t h = 0; h < of_half_lives; ++h) {
        std::string name(feature.spec.name);
        if (feature.by_type) name += ":" + types.at({t}).name;
        if (feature.by_half_life) name += ":" + std::string(kHalfLifeNames[h]);
        names.push_back(std::move(name));
      }
    }
  }
  return names;
}

void FeatureReader::read(const Request& request, std::span<float> out,
                         FeatureScratch& scratch) const {
  PALATE_CHECK(out.size() == request.items.size() * size(), "a float for each item and feature");
  if (out.empty()) return;
  FeatureMoment moment = request.moment;
  if (moment.user == nullptr) moment.user = &kNobody;
  if (moment.region.empty()) moment.region = moment.user->profile.region;
  scratch.events = by_time(moment.user->history, moment.now);
  scratch.sessions = cut_sessions(scratch.events, moment.now);
  scratch.tastes.set(scratch.events, *request.from.items, moment.now);
  request.from.items->traits(request.items, scratch.traits);
  const DecayedCounts::Moment decay(moment.now);
  const FeatureInput input{request.from, moment, scratch, decay, request.items};
  for (size_t w = 0; w < wanted_.size(); ++w) {
    const FeatureColumn column(out.data() + w, size());
    wanted_[w].feature->read(input, wanted_[w].arguments, column);
    if (wanted_[w].feature->spec.entity != Entity::kUser) continue;
    for (size_t i = 1; i < request.items.size(); ++i) column.at(i) = column.at(0);
  }
}

}  // namespace palate
