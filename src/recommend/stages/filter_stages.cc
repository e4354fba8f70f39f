// Filters: what a pipeline never gives, on no page.
#include <algorithm>
#include <charconv>
#include <memory>
#include <mutex>

#include "recommend/filter_expression.h"
#include "recommend/filters.h"
#include "recommend/stages/stages.h"

namespace palate::stages {
namespace {

// What an expression blocks, until the catalogue changes. Thread-safe.
class BlockedOnce {
 public:
  using Items = std::shared_ptr<const ItemBitmap>;
  Result<Items> get(const FilterExpression& expression, const PipelineRun& run) {
    const uint64_t version = run.items().version();
    {
      const std::lock_guard lock(mutex_);
      if (items_ && version_ == version) return items_;
    }
    ItemBitmap blocked(run.draft.work.blocked.size(), 0);
    TRY(expression.block_others(run.items(), run.draft.query.now, blocked));
    auto made = std::make_shared<const ItemBitmap>(std::move(blocked));
    const std::lock_guard lock(mutex_);
    version_ = version;
    return items_ = std::move(made);
  }

 private:
  std::mutex mutex_;
  Items items_;
  uint64_t version_ = 0;
};

struct Where {
  std::string expression;
  FilterExpression parsed;
  std::shared_ptr<BlockedOnce> once;
  static void fields(FieldVisitor<Where>& field) {
    field("expression", &Where::expression, {},
          "What must hold of an item (docs/reference/filter.md).");
  }
  Status prepare() {
    parsed = TRY(FilterExpression::parse(expression));
    if (!parsed.depends_on_now()) once = std::make_shared<BlockedOnce>();
    return {};
  }
};

Status where(const Where& config, PipelineRun& run) {
  ItemBitmap& blocked = run.draft.work.blocked;
  if (!config.once) return config.parsed.block_others(run.items(), run.draft.query.now, blocked);
  const BlockedOnce::Items others = TRY(config.once->get(config.parsed, run));
  for (size_t i = 0; i < blocked.size(); ++i) blocked[i] |= (*others)[i];
  return {};
}

struct Seen {
  std::vector<std::string> types;
  double days = 0;
  static void fields(FieldVisitor<Seen>& field) {
    field("types", &Seen::types, {},
          "Events that count; none: all that say something about taste.");
    field("days", &Seen::days, {.min = 0, .max = 36'500, .unit = "days"},
          "What was had longer ago may come again; 0: never.");
  }
};

Status seen(const Seen& config, PipelineRun& run) {
  const Draft& draft = run.draft;
  if (!draft.user || draft.request.include_consumed) return {};
  ItemBitmap& blocked = run.draft.work.blocked;
  const EventTypes& types = draft.loaded.state->types();
  const auto days_us = static_cast<int64_t>(config.days * static_cast<double>(kDayUs));
  const int64_t oldest = config.days > 0 ? draft.query.now.us - days_us : INT64_MIN;
  for (const HistoryEntry& entry : draft.user->history) {
    const bool counts =
        config.types.empty() || std::ranges::count(config.types, types.at(entry.type).name) > 0;
    if (counts && entry.ts.us >= oldest) block(blocked, entry.item);
  }
  // What is older than the history is only known as had at some time.
  if (config.days > 0 || !config.types.empty()) return {};
  for (const ItemIx item : draft.user->consumed) block(blocked, item);
  return {};
}

struct Cap {
  int64_t times = 3;
  double days = 7;
  static void fields(FieldVisitor<Cap>& field) {
    field("times", &Cap::times, {.min = 1, .max = 1000, .unit = "impressions"},
          "Not what the user was shown so often without doing anything with it …");
    field("days", &Cap::days, {.min = 0.001, .max = 365, .unit = "days"}, "… within these days.");
  }
};

Status cap(const Cap& config, PipelineRun& run) {
  const Draft& draft = run.draft;
  const FeatureConfig& features = draft.loaded.state->features();
  if (features.shown < config.times) {
    return fail(Code::kUnavailable,
                "cap: {} impressions of a user are kept, fewer than `times`; set [features] shown",
                features.shown);
  }
  if (!draft.user || !draft.user->activity) return {};
  const auto days_us = static_cast<int64_t>(config.days * static_cast<double>(kDayUs));
  std::vector<ItemIx> items;
  for (const UserActivity::Shown& one : draft.user->activity->shown) {
    if (one.at.us >= draft.query.now.us - days_us) items.push_back(one.item);
  }
  std::ranges::sort(items);
  const auto times = static_cast<size_t>(config.times);
  for (size_t i = 0; i + times <= items.size(); ++i) {
    if (items[i] == items[i + times - 1]) block(run.draft.work.blocked, items[i]);
  }
  return {};
}

struct Languages {
  std::vector<std::string> also;
  static void fields(FieldVisitor<Languages>& field) {
    field("also", &Languages::also, {}, "Languages that everybody gets.");
  }
};

// Blocks the items that say the field, and none of `texts`.
void block_others(const ItemColumn* column, std::span<const std::string> texts,
                  ItemBitmap& blocked) {
  if (column == nullptr || texts.empty()) return;
  ItemBitmap any(blocked.size(), 0), right(blocked.size(), 0);
  column->where_any(any);
  column->where_any_of(texts, right);
  for (size_t i = 0; i < blocked.size(); ++i) blocked[i] |= any[i] & ~right[i];
}

Status languages(const Languages& config, PipelineRun& run) {
  const Draft& draft = run.draft;
  std::string own = draft.request.language;
  if (own.empty() && draft.user) own = draft.user->profile.language;
  if (own.empty()) return {};
  std::vector<std::string> right = config.also;
  right.push_back(own);
  block_others(run.items().column("language"), right, run.draft.work.blocked);
  return {};
}

struct Region {
  std::string otherwise;
  static void fields(FieldVisitor<Region>& field) {
    field("otherwise", &Region::otherwise, {},
          "The region of who says none; empty: everything is available to them.");
  }
};

Status region(const Region& config, PipelineRun& run) {
  std::string own = run.draft.user ? run.draft.user->profile.region : std::string();
  if (own.empty()) own = config.otherwise;
  if (own.empty()) return {};
  block_others(run.items().column("region"), {&own, 1}, run.draft.work.blocked);
  return {};
}

struct Maturity {
  std::string attribute = "min_age";
  int64_t unknown = 0;
  static void fields(FieldVisitor<Maturity>& field) {
    field("attribute", &Maturity::attribute, {},
          "The attribute with the age from which on an item is for somebody.");
    field("unknown", &Maturity::unknown, {.min = 0, .max = 150, .unit = "years"},
          "The age of who says none.");
  }
};

// "18-24", "35+": the youngest of the band.
int64_t age_of(const Draft& draft, int64_t unknown) {
  if (!draft.user) return unknown;
  const std::string& band = draft.user->profile.age_band;
  int64_t age = 0;
  const auto [end, error] = std::from_chars(band.data(), band.data() + band.size(), age);
  return error == std::errc() && age >= 0 ? age : unknown;
}

Status maturity(const Maturity& config, PipelineRun& run) {
  const ItemColumn* column = run.items().attribute(config.attribute);
  if (column == nullptr) return {};
  const auto age = static_cast<double>(age_of(run.draft, config.unknown));
  ItemBitmap& blocked = run.draft.work.blocked;
  // A text that is no number is for nobody: better one item too few than one too many.
  column->where([&](const ItemColumn::Value& value) { return !(value.number <= age); }, blocked);
  return {};
}

}  // namespace

StageKind where_filter() {
  return stage_kind<Where, where>("where", StagePart::kFilter,
                                  "Only items for which an expression holds.");
}

StageKind seen_filter() {
  return stage_kind<Seen, seen>(
      "seen", StagePart::kFilter,
      "Not what the user had, by type and age; instead of everything that the user ever had.");
}

StageKind cap_filter() {
  return stage_kind<Cap, cap>(
      "cap", StagePart::kFilter,
      "Not what the user was shown often and left alone; it may come again after some time.");
}

StageKind languages_filter() {
  return stage_kind<Languages, languages>(
      "languages", StagePart::kFilter,
      "Not what is only in languages other than the request's, or the user's.");
}

StageKind region_filter() {
  return stage_kind<Region, region>("region", StagePart::kFilter,
                                    "Not what is only available in other regions.");
}

StageKind maturity_filter() {
  return stage_kind<Maturity, maturity>("maturity", StagePart::kFilter,
                                        "Not what is for older people than the user.");
}

}  // namespace palate::stages
