#include "models/ranker/feature_drift.h"

#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "base/log.h"

namespace palate {

FeatureDrift::FeatureDrift(std::vector<std::vector<Feature>> fields) {
  for (auto& field : fields) {
    auto& watched = fields_.emplace_back();
    for (Feature& feature : field) watched.push_back({.trained = std::move(feature)});
  }
}

void FeatureDrift::observe(std::span<const std::vector<float>> by_field,
                           std::span<const uint32_t> candidates) {
  PALATE_CHECK(by_field.size() == fields_.size(), "values of all fields");
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;
  constexpr std::array<uint32_t, 1> kOnly{0};
  for (size_t f = 0; f < fields_.size(); ++f) {
    const size_t width = fields_[f].size();
    const bool one = by_field[f].size() == width;
    for (const uint32_t row : one ? std::span<const uint32_t>(kOnly) : candidates) {
      for (size_t i = 0; i < width; ++i) add(by_field[f][row * width + i], fields_[f][i]);
    }
  }
  ++requests_now_;
  constexpr uint64_t kJudgedEvery = 50;
  std::vector<std::string> said;
  if (requests_now_ % kJudgedEvery == 0 && requests_now_ + requests_before_ >= kRequestsMin) {
    for (auto& field : fields_) {
      for (Watched& feature : field) said.push_back(judge(feature));
    }
  }
  if (requests_now_ >= kWindow) {
    requests_before_ = std::exchange(requests_now_, 0);
    for (auto& field : fields_) {
      for (Watched& feature : field) feature.before = std::exchange(feature.now, {});
    }
  }
  lock.unlock();
  for (const std::string& word : said) {
    if (!word.empty()) log_warning("the ranker is served {}", word);
  }
}

void FeatureDrift::add(float value, Watched& feature) {
  const double from_mean = (double{value} - feature.trained.mean) * feature.trained.scale;
  if (!std::isfinite(from_mean)) return;
  feature.now.sum += from_mean;
  ++feature.now.values;
}

std::string FeatureDrift::judge(Watched& feature) {
  const uint64_t values = feature.now.values + feature.before.values;
  if (values == 0) return {};
  feature.shift = (feature.now.sum + feature.before.sum) / static_cast<double>(values);
  const double off = std::abs(feature.shift);
  if (!feature.set_aside && off > kAsideBeyond) {
    feature.set_aside = true;
    return fmt::format(
        "without {}: its mean has moved by {:.1f} standard deviations since training; look at "
        "where it comes from, or train again",
        feature.trained.name, feature.shift);
  }
  if (feature.set_aside && off < kBackWithin) {
    feature.set_aside = false;
    return fmt::format("with {} again", feature.trained.name);
  }
  return {};
}

std::vector<std::string> FeatureDrift::set_aside() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& field : fields_) {
    for (const Watched& feature : field) {
      if (feature.set_aside) names.push_back(feature.trained.name);
    }
  }
  return names;
}

void FeatureDrift::leave_out(std::span<const std::string> names,
                             std::span<std::vector<float>> by_field, Instead instead) const {
  for (size_t f = 0; f < fields_.size(); ++f) {
    for (size_t column = 0; column < fields_[f].size(); ++column) {
      bool named = false;
      for (const std::string& name : names) named |= name == fields_[f][column].trained.name;
      if (!named) continue;
      const float value = instead == Instead::kMean ? fields_[f][column].trained.mean
                                                    : std::numeric_limits<float>::quiet_NaN();
      for (size_t i = column; i < by_field[f].size(); i += fields_[f].size()) {
        by_field[f][i] = value;
      }
    }
  }
}

std::vector<FeatureDrift::Shift> FeatureDrift::report() const {
  const std::scoped_lock lock(mutex_);
  std::vector<Shift> shifts;
  for (const auto& field : fields_) {
    for (const Watched& feature : field) {
      shifts.push_back({feature.trained.name, feature.shift, feature.set_aside});
    }
  }
  return shifts;
}

}  // namespace palate
