#include <algorithm>
#include <unordered_map>

#include "recommend/stages/stages.h"

namespace palate::stages {
namespace {

struct Spread {
  std::string by = "creator";
  int64_t max = 0;
  int64_t distance = 0;
  static void fields(FieldVisitor<Spread>& field) {
    field("by", &Spread::by, {.one_of = {"creator", "category"}},
          "What is spread; of categories the first counts.");
    field("max", &Spread::max, {.min = 0, .max = 1000, .unit = "items"},
          "At most so many of one in the head, the others come behind it; 0: any number.");
    field("distance", &Spread::distance, {.min = 0, .max = 100, .unit = "places"},
          "So far apart, as long as there is anything else; 0: anyhow.");
  }
};

class Spreading {
 public:
  Spreading(const Spread& config, PipelineRun& run) : config_(config), run_(run) {
    for (const PoolItem& one : run.pool.items) groups_.push_back(group_of(one.item));
  }

  void apply() {
    std::vector<bool> taken(run_.pool.items.size());
    std::vector<PoolItem> order;
    size_t first = 0;  // nothing before it is left
    while (order.size() < run_.places) {
      while (first < taken.size() && taken[first]) ++first;
      const size_t next = choose(taken, first, order.size());
      if (next == taken.size()) break;
      taken[next] = true;
      if (groups_[next] != kNone)
        met_[groups_[next]] = {met_[groups_[next]].count + 1, order.size()};
      order.push_back(run_.pool.items[next]);
    }
    run_.pool.head = order.size();
    for (size_t i = 0; i < taken.size(); ++i) {
      if (!taken[i]) order.push_back(run_.pool.items[i]);
    }
    run_.pool.items = std::move(order);
  }

 private:
  static constexpr uint32_t kNone = ItemTraits::kNone;
  struct Met {
    size_t count = 0, last = 0;
  };

  [[nodiscard]] uint32_t group_of(ItemIx item) const {
    const ItemTraits traits = run_.items().traits(item);
    if (config_.by == "creator") return traits.creator;
    return traits.categories.empty() ? kNone : traits.categories.front();
  }
  // The best that may stand at `place`; else the best that is only too near; else none.
  size_t choose(const std::vector<bool>& taken, size_t first, size_t place) {
    size_t near = taken.size();
    for (size_t i = first; i < std::min(taken.size(), run_.pool.head); ++i) {
      if (taken[i]) continue;
      const auto met = groups_[i] == kNone ? met_.end() : met_.find(groups_[i]);
      if (met == met_.end()) return i;
      if (config_.max > 0 && met->second.count >= static_cast<size_t>(config_.max)) continue;
      if (place - met->second.last >= static_cast<size_t>(config_.distance)) return i;
      if (near == taken.size()) near = i;
    }
    return near;
  }

  const Spread& config_;
  PipelineRun& run_;
  std::vector<uint32_t> groups_;
  std::unordered_map<uint32_t, Met> met_;
};

Status spread(const Spread& config, PipelineRun& run) {
  Spreading(config, run).apply();
  return {};
}

}  // namespace

StageKind spread_reranker() {
  return stage_kind<Spread, spread>(
      "spread", StagePart::kReranker,
      "Not too many of one creator or category, and not one after the other.");
}

}  // namespace palate::stages
