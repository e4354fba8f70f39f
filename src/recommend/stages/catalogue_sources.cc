// Sources that look at the catalogue: what is new, what trends.
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include "features/local_trends.h"
#include "features/reader.h"
#include "recommend/filters.h"
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

constexpr size_t kTrendsKept = 2000;

std::vector<Scored> trends_everywhere(const FeatureSources& from, const PipelineRun& run) {
  const LiveState& state = *run.draft.loaded.state;
  const std::string names[] = {"item_trending"};
  const auto reader = FeatureReader::make(names, state.types(), state.features());
  PALATE_CHECK(reader.has_value(), "the stage has looked whether counters are kept");
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
  return list;
}

// `place` of kNoRegion: everywhere.
std::vector<Scored> look_for_trends(RegionIx place, const PipelineRun& run) {
  const LiveState& state = *run.draft.loaded.state;
  const ItemSignals::View signals = state.signals()->view();
  const FeatureSources from{&state.types(), run.draft.view.get(), &state.popularity(), &signals};
  std::vector<Scored> list;
  if (place == kNoRegion) {
    list = trends_everywhere(from, run);
  } else {
    for (const LocalTrend& one : local_trends(from, place, run.draft.query.now)) {
      list.push_back({one.item, static_cast<float>(one.deviations)});
    }
  }
  list.resize(std::min(list.size(), kTrendsKept));
  return list;
}

// What trended some seconds ago: looked for at most so often, by whoever finds the list too old,
// while others go on with it.
class TrendingList {
 public:
  using List = std::shared_ptr<const std::vector<Scored>>;

  List get(RegionIx place, const PipelineRun& run, double refresh_s) {
    const TimeUs now = run.draft.query.now;
    const auto age_max_us = static_cast<int64_t>(refresh_s * kSecondUs);
    {
      const std::lock_guard lock(mutex_);
      if (list_ && now.us - made_.us <= age_max_us) return list_;
      if (list_ && making_) return list_;
      making_ = true;
    }
    auto list = std::make_shared<const std::vector<Scored>>(look_for_trends(place, run));
    const std::lock_guard lock(mutex_);
    list_ = std::move(list);
    made_ = now;
    making_ = false;
    return list_;
  }

 private:
  std::mutex mutex_;
  List list_;
  TimeUs made_;
  bool making_ = false;
};

// One of everybody, one a region or segment: as many as those are (kRegionsMax).
class TrendingLists {
 public:
  TrendingList::List get(RegionIx place, const PipelineRun& run, double refresh_s) {
    TrendingList* list = nullptr;
    {
      const std::lock_guard lock(mutex_);
      list = &lists_[place];
    }
    return list->get(place, run, refresh_s);
  }

 private:
  std::mutex mutex_;
  std::map<RegionIx, TrendingList> lists_;
};

struct TrendingSource : SourceShare {
  TrendingSource() : SourceShare{.quota = 50} {}
  std::string by = "everybody";
  double refresh_s = 10;
  std::shared_ptr<TrendingLists> lists = std::make_shared<TrendingLists>();
  static void fields(FieldVisitor<TrendingSource>& field) {
    share_fields(field, 1000);
    field("by", &TrendingSource::by, {.one_of = {"everybody", "region", "segment"}},
          "Among whom; behind what trends in the user's region or segment comes what trends "
          "everywhere.");
    field("refresh_s", &TrendingSource::refresh_s, {.min = 0, .max = 3600, .unit = "seconds"},
          "A list is made anew so often, of the whole catalogue or of what is liked there.");
  }
};

// As the request's context says; of the user, with his consent, where it says nothing.
RegionIx place_of(const TrendingSource& config, const PipelineRun& run) {
  const Draft& draft = run.draft;
  const LiveState& state = *draft.loaded.state;
  const ItemSignals::View signals = state.signals()->view();
  const Locality told = signals.locality(draft.request.context_json);
  const UserRecord* profile = draft.query.profile;
  if (config.by == "region") {
    const bool ask = told.region == kNoRegion && profile != nullptr;
    return ask ? signals.region(profile->region) : told.region;
  }
  if (told.segment != kNoRegion || profile == nullptr) return told.segment;
  const auto own = profile->attributes.find(state.features().segment_key);
  return own == profile->attributes.end() ? kNoRegion : signals.segment(own->second);
}

Status check_trends_kept(const TrendingSource& config, const LiveState& state) {
  if (state.signals() == nullptr || !state.features().counters) {
    return fail(Code::kUnavailable, "counts are not kept: set [features] counters = true");
  }
  if (config.by != "everybody" && !state.features().keeps_local()) {
    return fail(Code::kUnavailable,
                "likes by region and segment are not kept: set [features] local_trends = true");
  }
  if (config.by == "segment" && state.features().segment_key.empty()) {
    return fail(Code::kUnavailable, "no segments are known: set [features] segment_key");
  }
  return {};
}

Status trending(const TrendingSource& config, PipelineRun& run) {
  TRY(check_trends_kept(config, *run.draft.loaded.state));
  const auto quota = static_cast<size_t>(config.quota);
  std::vector<Scored> list;
  ItemBitmap taken = run.draft.work.blocked;
  const auto take = [&](RegionIx place) {
    for (const Scored& one : *config.lists->get(place, run, config.refresh_s)) {
      if (list.size() == quota) return;
      if (ItemFilter{taken}.blocks(one.item)) continue;
      block(taken, one.item);
      list.push_back(one);
    }
  };
  const RegionIx place = config.by == "everybody" ? kNoRegion : place_of(config, run);
  if (place != kNoRegion) {
    take(place);
    run.note = fmt::format("{} trend there", list.size());
  } else if (config.by != "everybody") {
    run.note = fmt::format("no {} is known", config.by);
  }
  take(kNoRegion);
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
