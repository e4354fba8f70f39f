// H. Steck, "Calibrated Recommendations", RecSys 2018: a list whose categories are as often there
// as in what the user liked (equations 1 to 3, and the greedy choice of section 4).
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "recommend/stages/stages.h"

namespace palate::stages {
namespace {

struct Calibrate {
  double strength = 0.3;
  int64_t places = 50;
  int64_t candidates = 500;
  static void fields(FieldVisitor<Calibrate>& field) {
    field("strength", &Calibrate::strength, {.min = 0, .max = 1},
          "0: relevance alone; 1: the mix of categories alone.");
    field("places", &Calibrate::places,
          {.min = 1, .max = static_cast<double>(kHeadPlacesMax), .unit = "items"},
          "So many places are filled with care.");
    field("candidates", &Calibrate::candidates, {.min = 1, .max = 2000, .unit = "items"},
          "From so many of the best.");
  }
};

constexpr double kMixed = 0.01;  // of the user's mix in the list's, so that no logarithm is of 0

// The share of each category in what the user liked.
std::unordered_map<uint32_t, double> mix_of(const PipelineRun& run) {
  std::unordered_map<uint32_t, double> mix;
  double sum = 0;
  for (const HistoryEntry& entry : run.draft.query.history) {
    const ItemTraits traits = run.items().traits(entry.item);
    if (!(entry.preference > 0) || traits.categories.empty()) continue;
    for (const uint32_t category : traits.categories) {
      mix[category] += entry.preference / static_cast<double>(traits.categories.size());
    }
    sum += entry.preference;
  }
  for (auto& [category, share] : mix) share /= sum;
  return mix;
}

class Calibration {
 public:
  Calibration(const Calibrate& config, PipelineRun& run)
      : config_(config), run_(run), wanted_(mix_of(run)) {}
  [[nodiscard]] bool possible() const { return !wanted_.empty(); }

  void apply() {
    auto& items = run_.pool.items;
    const size_t n =
        std::min({items.size(), run_.pool.head, static_cast<size_t>(config_.candidates)});
    const auto scores = unit_scores(std::span(items).first(n));
    for (size_t i = 0; i < n; ++i) left_.push_back({items[i], scores[i], parts_of(items[i].item)});
    std::vector<PoolItem> order;
    const size_t places = std::min({n, static_cast<size_t>(config_.places), run_.places});
    while (order.size() < places) order.push_back(take_best());
    for (const Left& one : left_) order.push_back(one.item);
    std::ranges::copy(order, items.begin());
  }

 private:
  // How much of an item belongs to a category that the user likes, and that category's share.
  struct Part {
    uint32_t category = 0;
    double weight = 0, wanted = 0;
  };
  struct Left {
    PoolItem item;
    float score = 0;
    std::vector<Part> parts;
  };

  [[nodiscard]] std::vector<Part> parts_of(ItemIx item) const {
    std::vector<Part> parts;
    const ItemTraits traits = run_.items().traits(item);
    const double weight = 1.0 / static_cast<double>(std::max<size_t>(traits.categories.size(), 1));
    for (const uint32_t category : traits.categories) {
      const auto wanted = wanted_.find(category);
      if (wanted != wanted_.end()) parts.push_back({category, weight, wanted->second});
    }
    return parts;
  }
  // Of the divergence of the wanted mix from the list's with the item, what depends on the item.
  double gain_of(const Left& one) {
    double gain = 0;
    const double next = static_cast<double>(taken_) + 1;
    for (const Part& part : one.parts) {
      const double before = (1 - kMixed) * has_[part.category] / next + kMixed * part.wanted;
      gain += part.wanted * std::log1p((1 - kMixed) * part.weight / next / before);
    }
    return gain;
  }
  PoolItem take_best() {
    size_t best = 0;
    double most = -INFINITY;
    for (size_t i = 0; i < left_.size(); ++i) {
      const double value =
          (1 - config_.strength) * left_[i].score + config_.strength * gain_of(left_[i]);
      if (!(value > most)) continue;  // ties go to the better rank
      most = value;
      best = i;
    }
    for (const Part& part : left_[best].parts) has_[part.category] += part.weight;
    ++taken_;
    const PoolItem item = left_[best].item;
    left_.erase(left_.begin() + static_cast<ptrdiff_t>(best));
    return item;
  }

  const Calibrate& config_;
  PipelineRun& run_;
  const std::unordered_map<uint32_t, double> wanted_;
  std::vector<Left> left_;  // in the order of rank
  std::unordered_map<uint32_t, double> has_;
  size_t taken_ = 0;
};

Status calibrate(const Calibrate& config, PipelineRun& run) {
  if (!run.draft.slate.personalized) return {};
  Calibration calibration(config, run);
  if (calibration.possible()) {
    calibration.apply();
  } else {
    run.note = "nothing that the user liked has a category";
  }
  return {};
}

}  // namespace

StageKind calibrate_reranker() {
  return stage_kind<Calibrate, calibrate>(
      "calibrate", StagePart::kReranker,
      "Categories in the shares that they have in what the user liked.");
}

}  // namespace palate::stages
