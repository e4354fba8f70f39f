// Sources that begin with what the user had lately.
#include <algorithm>
#include <cmath>
#include <optional>

#include "events/number_text.h"
#include "recommend/stages/stages.h"

namespace palate::stages {
namespace {

// Distinct items that the user liked, the newest first.
std::vector<ItemIx> liked_lately(const PipelineRun& run, size_t most) {
  std::vector<ItemIx> items;
  const auto history = run.draft.query.history;
  for (size_t i = history.size(); i-- > 0 && items.size() < most;) {
    const HistoryEntry& entry = history[i];
    if (entry.preference > 0 && std::ranges::count(items, entry.item) == 0) {
      items.push_back(entry.item);
    }
  }
  return items;
}

bool may_use_history(PipelineRun& run) {
  const bool may = !run.draft.query.history.empty();
  if (!may) run.note = "no history that may be used";
  return may;
}

struct RecentSource : SourceShare {
  RecentSource() : SourceShare{.quota = 100} {}
  int64_t recent = 10;
  static void fields(FieldVisitor<RecentSource>& field) {
    share_fields(field, 10'000);
    field("recent", &RecentSource::recent, {.min = 1, .max = 100, .unit = "items"},
          "So many of the items that the user liked last are begun with.");
  }
};

// What the sources begin with: an equal part of the quota comes from each.
struct Recent {
  std::vector<ItemIx> items;
  size_t each = 0;    // so many of each
  double weight = 0;  // of each
};

Recent recent_of(const RecentSource& config, const PipelineRun& run) {
  Recent recent{.items = liked_lately(run, static_cast<size_t>(config.recent))};
  if (recent.items.empty()) return recent;
  const size_t count = recent.items.size();
  recent.each = (static_cast<size_t>(config.quota) + count - 1) / count;
  recent.weight = config.weight / static_cast<double>(count);
  return recent;
}

Status similar(const RecentSource& config, PipelineRun& run) {
  const LoadedModel* loaded = run.draft.loaded.similar;
  if (loaded == nullptr) {
    run.note = "no model of the release knows similar items";
    return {};
  }
  if (!may_use_history(run)) return {};
  const Recent recent = recent_of(config, run);
  std::vector<SimilarTo> requests;
  for (const ItemIx item : recent.items) {
    requests.push_back({.item = item, .filter = run.filter(), .k = recent.each, .nearly = true});
  }
  for (const auto& list : loaded->model->similar_batch(requests, run.draft.work.scratch)) {
    if (list) run.propose(*list, recent.weight);  // else the item came after the training
  }
  return {};
}

Status co_viewed(const RecentSource& config, PipelineRun& run) {
  const LiveState& state = *run.draft.loaded.state;
  if (state.signals() == nullptr || state.features().co_views == 0) {
    return fail(Code::kUnavailable, "co-views are not kept: set [features] co_views");
  }
  if (!may_use_history(run)) return {};
  const ItemSignals::View signals = state.signals()->view();
  const Recent recent = recent_of(config, run);
  std::vector<Scored> list;
  for (const ItemIx item : recent.items) {
    list.clear();
    for (const CoView& one : signals.co_views(item)) {
      if (run.filter().blocks(one.item)) continue;
      list.push_back({one.item, static_cast<float>(one.weight)});
    }
    std::ranges::sort(list, [](const Scored& a, const Scored& b) {
      return a.score != b.score ? a.score > b.score : a.item < b.item;
    });
    list.resize(std::min(list.size(), recent.each));
    run.propose(list, recent.weight);
  }
  return {};
}

struct UnfinishedSource : SourceShare {
  UnfinishedSource() : SourceShare{.quota = 10} {}
  std::vector<std::string> types{"play", "watch"};
  std::string length = "duration_s";
  double finished = 0.9;
  double days = 30;
  static void fields(FieldVisitor<UnfinishedSource>& field) {
    share_fields(field, 100);
    field("types", &UnfinishedSource::types, {},
          "Events whose value says how far the user came, in seconds.");
    field("length", &UnfinishedSource::length, {}, "The attribute with an item's whole length.");
    field("finished", &UnfinishedSource::finished, {.min = 0, .max = 1},
          "From this share on it is finished.");
    field("days", &UnfinishedSource::days, {.min = 0, .max = 3650, .unit = "days"},
          "What was begun longer ago is forgotten.");
  }
};

std::optional<double> length_of(const UnfinishedSource& config, const ItemRecord& item) {
  const auto found = item.attributes.find(config.length);
  if (found == item.attributes.end()) return std::nullopt;
  const auto length = parse_real(found->second);
  return length && std::isfinite(*length) && *length > 0 ? length : std::nullopt;
}

Status unfinished(const UnfinishedSource& config, PipelineRun& run) {
  if (!may_use_history(run)) return {};
  const EventTypes& types = run.draft.loaded.state->types();
  const TimeUs now = run.draft.query.now;
  const auto oldest = now.us - static_cast<int64_t>(config.days * static_cast<double>(kDayUs));
  std::vector<Scored> list;
  std::vector<ItemIx> met;  // the newest event about an item decides
  const auto history = run.draft.query.history;
  for (size_t i = history.size(); i-- > 0 && list.size() < static_cast<size_t>(config.quota);) {
    const HistoryEntry& entry = history[i];
    const bool counts =
        entry.ts.us >= oldest && std::ranges::count(config.types, types.at(entry.type).name) > 0;
    if (!counts || std::ranges::count(met, entry.item) > 0) continue;
    met.push_back(entry.item);
    const auto length = length_of(config, run.items().record(entry.item));
    const bool begun = length && entry.value > 0 && entry.value < config.finished * *length;
    if (begun && run.items().available(entry.item, now)) {
      list.push_back({entry.item, static_cast<float>(entry.value / *length)});
    }
  }
  run.propose(list, config.weight, true);
  return {};
}

struct CreatorsSource : SourceShare {
  CreatorsSource() : SourceShare{.quota = 50} {}
  std::string follows = "follows";
  int64_t liked = 2;
  static void fields(FieldVisitor<CreatorsSource>& field) {
    share_fields(field, 10'000);
    field("follows", &CreatorsSource::follows, {},
          "The user's attribute that names creators, with commas between them.");
    field("liked", &CreatorsSource::liked, {.min = 0, .max = 1000, .unit = "items"},
          "Also creators of whom the user liked so many items; 0: none of these.");
  }
};

// Of the user's attribute, as far as items have them.
void add_followed(std::string_view names, const PipelineRun& run, std::vector<uint32_t>& creators) {
  while (!names.empty()) {
    const size_t end = std::min(names.find(','), names.size());
    std::string_view name = names.substr(0, end);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (const auto creator = run.items().creator(name)) creators.push_back(*creator);
    names.remove_prefix(std::min(end + 1, names.size()));
  }
}

void add_liked(size_t liked, const PipelineRun& run, std::vector<uint32_t>& creators) {
  std::vector<uint32_t> all;
  for (const ItemIx item : liked_lately(run, kHistoryWindow)) {
    const uint32_t creator = run.items().traits(item).creator;
    if (creator != ItemTraits::kNone) all.push_back(creator);
  }
  std::ranges::sort(all);
  for (auto same = all.begin(); same != all.end();) {
    const auto end = std::upper_bound(same, all.end(), *same);
    if (static_cast<size_t>(end - same) >= liked) creators.push_back(*same);
    same = end;
  }
}

std::vector<uint32_t> creators_of(const CreatorsSource& config, const PipelineRun& run) {
  std::vector<uint32_t> creators;
  const auto& attributes = run.draft.user->profile.attributes;
  if (const auto follows = attributes.find(config.follows); follows != attributes.end()) {
    add_followed(follows->second, run, creators);
  }
  if (config.liked > 0) add_liked(static_cast<size_t>(config.liked), run, creators);
  std::ranges::sort(creators);
  const auto repeats = std::ranges::unique(creators);
  creators.erase(repeats.begin(), repeats.end());
  return creators;
}

// The newest `n` that the filter lets through, of lists in ascending order.
std::vector<Scored> newest_of(std::vector<std::span<const ItemIx>> lists, const ItemFilter& filter,
                              size_t n) {
  const auto older = [](const auto& a, const auto& b) { return a.back() < b.back(); };
  std::erase_if(lists, [](const auto& items) { return items.empty(); });
  std::ranges::make_heap(lists, older);
  std::vector<Scored> newest;
  while (!lists.empty() && newest.size() < n) {
    std::ranges::pop_heap(lists, older);
    auto& items = lists.back();
    if (!filter.blocks(items.back())) newest.push_back({items.back(), 0});
    items = items.first(items.size() - 1);
    if (items.empty()) {
      lists.pop_back();
    } else {
      std::ranges::push_heap(lists, older);
    }
  }
  return newest;
}

Status creators(const CreatorsSource& config, PipelineRun& run) {
  if (!run.draft.user || !run.draft.consent) {
    run.note = "nobody known, or no consent";
    return {};
  }
  std::vector<std::span<const ItemIx>> lists;
  for (const uint32_t creator : creators_of(config, run)) {
    lists.push_back(run.items().of_creator(creator));
  }
  run.propose(newest_of(std::move(lists), run.filter(), static_cast<size_t>(config.quota)),
              config.weight);
  return {};
}

}  // namespace

StageKind similar_source() {
  return stage_kind<RecentSource, similar>(
      "similar", StagePart::kSource,
      "What is like the items that the user liked last, by the release's model of items.");
}

StageKind co_viewed_source() {
  return stage_kind<RecentSource, co_viewed>(
      "co_viewed", StagePart::kSource,
      "What was liked by the same people soon before or after, as of this moment.");
}

StageKind unfinished_source() {
  return stage_kind<UnfinishedSource, unfinished>(
      "unfinished", StagePart::kSource,
      "What the user began and did not finish; it comes though the user had it.");
}

StageKind creators_source() {
  return stage_kind<CreatorsSource, creators>(
      "creators", StagePart::kSource, "The newest of creators whom the user follows or likes.");
}

}  // namespace palate::stages
