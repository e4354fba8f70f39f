// Sources that look at the catalogue: what is new, what trends.
#include <algorithm>
#include <memory>
#include <mutex>

#include "features/reader.h"
#include "recommend/stages/stages.h"

namespace palate::stages {
namespace {

struct NewSource : SourceShare {
  NewSource() : SourceShare{.quota = 20} {}
  double days = 30;
  static void fields(FieldVisitor<NewSource>& field) {
    share_fields(field, 10'000);
    field("days", &NewSource::days, {.min = 0, .max = 36'500, .unit = "days"},
          "Not what says that it was released longer ago.");
  }
};

Status fresh(const NewSource& config, PipelineRun& run) {
  // Where much of what was added last is blocked or old, the source ends before it costs much.
  constexpr size_t kLooksPerItem = 50;
  const auto quota = static_cast<size_t>(config.quota);
  const auto oldest =
      run.draft.query.now.us - static_cast<int64_t>(config.days * static_cast<double>(kDayUs));
  std::vector<Scored> list;
  size_t looks = kLooksPerItem * quota;
  for (auto item = static_cast<uint32_t>(run.items().size());
       item-- > 0 && looks-- > 0 && list.size() < quota;) {
    if (run.filter().blocks({item})) continue;
    const TimeUs released = run.items().record({item}).released;
    if (released.us == 0 || released.us >= oldest) list.push_back({{item}, 0});
  }
  run.propose(list, config.weight);
  return {};
}

// What trended some seconds ago, for everybody: looked for at most so often, by whoever finds the
// list too old, while others go on with it.
class TrendingList {
 public:
  static constexpr size_t kKept = 2000;

  std::shared_ptr<const std::vector<Scored>> get(const PipelineRun& run, double refresh_s) {
    const TimeUs now = run.draft.query.now;
    const auto age_max_us = static_cast<int64_t>(refresh_s * kSecondUs);
    {
      const std::lock_guard lock(mutex_);
      if (list_ && now.us - made_.us <= age_max_us) return list_;
      if (list_ && making_) return list_;
      making_ = true;
    }
    auto list = std::make_shared<const std::vector<Scored>>(look(run));
    const std::lock_guard lock(mutex_);
    list_ = std::move(list);
    made_ = now;
    making_ = false;
    return list_;
  }

 private:
  static std::vector<Scored> look(const PipelineRun& run) {
    const LiveState& state = *run.draft.loaded.state;
    const std::string names[] = {"item_trending"};
    const auto reader = FeatureReader::make(names, state.types(), state.features());
    PALATE_CHECK(reader.has_value(), "the stage has looked whether counters are kept");
    const ItemSignals::View signals = state.signals()->view();
    const FeatureSources from{&state.types(), run.draft.view.get(), &state.popularity(), &signals};
    std::vector<ItemIx> items(run.items().size());
    for (uint32_t i = 0; i < items.size(); ++i) items[i] = {i};
    std::vector<float> values(items.size());
    FeatureScratch scratch;
    reader->read({from, {nullptr, {}, run.draft.query.now}, items}, values, scratch);
    std::vector<Scored> list;
    for (const ItemIx item : items) {
      if (values[item.value] > 0) list.push_back({item, values[item.value]});
    }
    std::ranges::sort(list, [](const Scored& a, const Scored& b) {
      return a.score != b.score ? a.score > b.score : a.item < b.item;
    });
    list.resize(std::min(list.size(), kKept));
    return list;
  }

  std::mutex mutex_;
  std::shared_ptr<const std::vector<Scored>> list_;
  TimeUs made_;
  bool making_ = false;
};

struct TrendingSource : SourceShare {
  TrendingSource() : SourceShare{.quota = 50} {}
  double refresh_s = 10;
  std::shared_ptr<TrendingList> list = std::make_shared<TrendingList>();
  static void fields(FieldVisitor<TrendingSource>& field) {
    share_fields(field, 1000);
    field("refresh_s", &TrendingSource::refresh_s, {.min = 0, .max = 3600, .unit = "seconds"},
          "The whole catalogue is looked through so often.");
  }
};

Status trending(const TrendingSource& config, PipelineRun& run) {
  const LiveState& state = *run.draft.loaded.state;
  if (state.signals() == nullptr || !state.features().counters) {
    return fail(Code::kUnavailable, "counts are not kept: set [features] counters = true");
  }
  const auto all = config.list->get(run, config.refresh_s);
  std::vector<Scored> list;
  for (const Scored& one : *all) {
    if (list.size() == static_cast<size_t>(config.quota)) break;
    if (!run.filter().blocks(one.item)) list.push_back(one);
  }
  run.propose(list, config.weight);
  return {};
}

}  // namespace

StageKind new_source() {
  return stage_kind<NewSource, fresh>("new", StagePart::kSource,
                                      "What was added to the catalogue last, the newest first.");
}

StageKind trending_source() {
  return stage_kind<TrendingSource, trending>(
      "trending", StagePart::kSource,
      "What is liked far more in the last hour and day than its week makes likely.");
}

}  // namespace palate::stages
