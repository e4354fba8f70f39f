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

// Neighbours of each recent item, an equal part of the quota from each.
template <class Neighbours>
void propose_neighbours(const RecentSource& config, PipelineRun& run, Neighbours neighbours) {
  const auto recent = liked_lately(run, static_cast<size_t>(config.recent));
  if (recent.empty()) return;
  const size_t each = (static_cast<size_t>(config.quota) + recent.size() - 1) / recent.size();
  for (const ItemIx item : recent) {
    run.propose(neighbours(item, each), config.weight / static_cast<double>(recent.size()));
  }
}

Status similar(const RecentSource& config, PipelineRun& run) {
  const LoadedModel* loaded = run.draft.loaded.similar;
  if (loaded == nullptr) {
    run.note = "no model of the release knows similar items";
    return {};
  }
  if (!may_use_history(run)) return {};
  propose_neighbours(config, run, [&](ItemIx item, size_t n) {
    auto list = loaded->model->similar(item, n, run.filter(), run.draft.work.scratch);
    return list ? std::move(*list) : std::vector<Scored>();  // it came after the training
  });
  return {};
}

Status co_viewed(const RecentSource& config, PipelineRun& run) {
  const LiveState& state = *run.draft.loaded.state;
  if (state.signals() == nullptr || state.features().co_views == 0) {
    return fail(Code::kUnavailable, "co-views are not kept: set [features] co_views");
  }
  if (!may_use_history(run)) return {};
  const ItemSignals::View signals = state.signals()->view();
  propose_neighbours(config, run, [&](ItemIx item, size_t n) {
    std::vector<Scored> list;
    for (const CoView& one : signals.co_views(item)) {
      if (run.filter().blocks(one.item)) continue;
      list.push_back({one.item, static_cast<float>(one.weight)});
    }
    std::ranges::sort(list, [](const Scored& a, const Scored& b) {
      return a.score != b.score ? a.score > b.score : a.item < b.item;
    });
    list.resize(std::min(list.size(), n));
    return list;
  });
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

std::vector<std::string> creators_of(const CreatorsSource& config, const PipelineRun& run) {
  std::vector<std::string> creators;
  const auto& attributes = run.draft.user->profile.attributes;
  if (const auto follows = attributes.find(config.follows); follows != attributes.end()) {
    for (size_t at = 0; at <= follows->second.size();) {
      const size_t end = std::min(follows->second.find(',', at), follows->second.size());
      std::string name = follows->second.substr(at, end - at);
      while (name.starts_with(' ')) name.erase(0, 1);
      while (name.ends_with(' ')) name.pop_back();
      if (!name.empty()) creators.push_back(std::move(name));
      at = end + 1;
    }
  }
  if (config.liked == 0) return creators;
  std::map<std::string_view, int64_t> likes;
  for (const ItemIx item : liked_lately(run, kHistoryWindow)) {
    const std::string& creator = run.items().record(item).creator;
    if (!creator.empty() && ++likes[creator] == config.liked) creators.push_back(creator);
  }
  return creators;
}

Status creators(const CreatorsSource& config, PipelineRun& run) {
  if (!run.draft.user || !run.draft.consent) {
    run.note = "nobody known, or no consent";
    return {};
  }
  const ItemColumn* column = run.items().column("creator");
  const auto wanted = creators_of(config, run);
  if (column == nullptr || wanted.empty()) return {};
  ItemBitmap items(run.draft.work.blocked.size(), 0);
  column->where_any_of(wanted, items);
  std::vector<Scored> list;
  for (size_t word = items.size(); word-- > 0 && list.size() < static_cast<size_t>(config.quota);) {
    uint64_t bits = items[word] & ~run.draft.work.blocked[word];
    for (; bits != 0 && list.size() < static_cast<size_t>(config.quota);) {
      const int bit = 63 - __builtin_clzll(bits);
      bits &= ~(uint64_t{1} << bit);
      list.push_back({{static_cast<uint32_t>(word * 64 + static_cast<size_t>(bit))}, 0});
    }
  }
  run.propose(list, config.weight);
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
