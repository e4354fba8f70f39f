// Re-rankers that give certain places away: to a group, to what is new, to what is pinned.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/hash.h"
#include "math/philox.h"
#include "recommend/filter_expression.h"
#include "recommend/stages/stages.h"

namespace palate::stages {
namespace {

// Takes the item at `from` out and puts it at `to`, before it.
void move_up(std::vector<PoolItem>& items, size_t from, size_t to) {
  const auto begin = items.begin();
  std::rotate(begin + static_cast<ptrdiff_t>(to), begin + static_cast<ptrdiff_t>(from),
              begin + static_cast<ptrdiff_t>(from) + 1);
}

// How much a place is looked at: the discount of DCG.
double attention(size_t place) { return 1 / std::log2(static_cast<double>(place) + 2); }

struct Exposure {
  std::string where;
  double min = 0.2;
  FilterExpression group;
  static void fields(FieldVisitor<Exposure>& field) {
    field("where", &Exposure::where, {}, "Which items are the group (docs/reference/filter.md).");
    field("min", &Exposure::min, {.min = 0, .max = 1},
          "The group's least share of attention in the head; a place counts 1 / log2(1 + place).");
  }
  Status prepare() {
    group = TRY(FilterExpression::parse(where));
    return {};
  }
};

double gain_of(std::span<const float> relevance) {
  double gain = 0;
  for (size_t i = 0; i < relevance.size(); ++i) gain += relevance[i] * attention(i);
  return gain;
}

// At every place, whoever is best, unless the group would then fall below its share: so each
// beginning of the list keeps to it.
Status exposure(const Exposure& config, PipelineRun& run) {
  auto& items = run.pool.items;
  ItemBitmap others(run.draft.work.blocked.size(), 0);
  TRY(config.group.block_others(run.items(), run.draft.query.now, others));
  const auto of_group = [&](const PoolItem& one) { return !ItemFilter{others}.blocks(one.item); };
  const size_t n = std::min(items.size(), run.pool.head);
  auto relevance = unit_scores(std::span(items).first(n));
  const size_t places = std::min(n, run.places);
  const double before = gain_of(std::span(relevance).first(places));
  double given = 0, all = 0;
  for (size_t place = 0; place < places; ++place) {
    const double weight = attention(place);
    all += weight;
    if (!of_group(items[place]) && given < config.min * all) {
      const auto next = std::find_if(items.begin() + static_cast<ptrdiff_t>(place),
                                     items.begin() + static_cast<ptrdiff_t>(n), of_group);
      const auto from = static_cast<size_t>(next - items.begin());
      if (from < n) {
        move_up(items, from, place);
        const auto score = relevance.begin();
        std::rotate(score + static_cast<ptrdiff_t>(place), score + static_cast<ptrdiff_t>(from),
                    score + static_cast<ptrdiff_t>(from) + 1);
      }
    }
    if (of_group(items[place])) given += weight;
  }
  const double after = gain_of(std::span(relevance).first(places));
  run.relevance_cost = before > 0 ? 1 - after / before : 0;
  run.note = fmt::format("the group has {:.1f} % of the attention; relevance {:+.2f} %",
                         all > 0 ? 100 * given / all : 0, -100 * run.relevance_cost);
  return {};
}

struct Newcomers {
  int64_t first = 5;
  int64_t every = 10;
  double shown_max = 100;
  std::string by = "thompson";
  double bonus = 1;
  static void fields(FieldVisitor<Newcomers>& field) {
    field("first", &Newcomers::first, {.min = 1, .max = 500, .unit = "place"},
          "The first place for a new item.");
    field("every", &Newcomers::every, {.min = 1, .max = 500, .unit = "places"},
          "And so many further on the next.");
    field("shown_max", &Newcomers::shown_max, {.min = 1, .max = 1e9, .unit = "impressions"},
          "An item is new until it was shown so often (halved every week).");
    field("by", &Newcomers::by, {.one_of = {"thompson", "ucb"}},
          "Which new item: drawn by what its rate of likes may be, or the best that it may be.");
    field("bonus", &Newcomers::bonus, {.min = 0, .max = 10, .unit = "standard deviations"},
          "Of ucb.");
  }
};

// The rate of likes of an item that is shown, and how sure that is: a beta distribution that begins
// at everybody's rate with the weight of ten impressions, by its mean and deviation.
class Rates {
 public:
  Rates(const LiveState& state, TimeUs now)
      : view_(state.signals()->view()), moment_(now), shown_(exposures(state.types())) {
    const double all_shown = shown(view_.all(), 0);
    const double all_liked = view_.all().read(view_.prompted(), 0, kWeek, moment_);
    usual_ = all_shown > 0 ? std::clamp(all_liked / all_shown, 1e-4, 0.999) : 0.05;
  }
  struct Rate {
    double shown = 0, mean = 0, deviation = 0;
  };
  [[nodiscard]] Rate of(ItemIx item) const {
    constexpr double kPrior = 10;
    const double times = shown(view_.items(), item.value);
    const double liked = view_.items().read(view_.prompted(), item.value, kWeek, moment_);
    const double a = kPrior * usual_ + std::min(liked, times);
    const double b = kPrior * (1 - usual_) + std::max(times - liked, 0.0);
    return {times, a / (a + b), std::sqrt(a * b / (a + b + 1)) / (a + b)};
  }

 private:
  static std::vector<size_t> exposures(const EventTypes& types) {
    std::vector<size_t> columns;
    for (uint16_t t = 0; t < types.size(); ++t) {
      if (types.at({t}).role == Role::kExposure) columns.push_back(t);
    }
    return columns;
  }
  [[nodiscard]] double shown(const CountTable& table, size_t row) const {
    double sum = 0;
    for (const size_t column : shown_) sum += table.read(column, row, kWeek, moment_);
    return sum;
  }
  const ItemSignals::View view_;
  const DecayedCounts::Moment moment_;
  const std::vector<size_t> shown_;
  double usual_ = 0;
};

uint64_t seed_of(const PipelineRun& run) { return hash64(run.draft.slate.request_id) + run.stage; }

Status newcomers(const Newcomers& config, PipelineRun& run) {
  const LiveState& state = *run.draft.loaded.state;
  if (state.signals() == nullptr || !state.features().counters) {
    return fail(Code::kUnavailable, "counts are not kept: set [features] counters = true");
  }
  const Rates rates(state, run.draft.query.now);
  Philox random(seed_of(run), 0);
  auto& items = run.pool.items;
  std::vector<std::pair<double, ItemIx>> fresh;  // best first
  for (const PoolItem& one : std::span(items).first(std::min(items.size(), run.pool.head))) {
    const auto rate = rates.of(one.item);
    if (rate.shown >= config.shown_max) continue;
    const double times = config.by == "ucb" ? config.bonus : random.normal();
    fresh.emplace_back(rate.mean + times * rate.deviation, one.item);
  }
  std::ranges::stable_sort(fresh, std::greater{}, &std::pair<double, ItemIx>::first);
  size_t next = 0;
  const size_t places = std::min({items.size(), run.pool.head, run.places});
  for (auto place = static_cast<size_t>(config.first) - 1; place < places && next < fresh.size();
       place += static_cast<size_t>(config.every)) {
    const auto at = std::ranges::find(items, fresh[next++].second, &PoolItem::item);
    const auto from = static_cast<size_t>(at - items.begin());
    if (from > place) move_up(items, from, place);
  }
  run.note = fmt::format("{} of the candidates are new", fresh.size());
  return {};
}

struct Explore {
  double temperature = 0.1;
  int64_t from = 1;
  int64_t to = 20;
  int64_t candidates = 50;
  double share = 1;
  bool uniform = false;
  static void fields(FieldVisitor<Explore>& field) {
    field("temperature", &Explore::temperature, {.min = 1e-6, .max = 1000},
          "Of scores that are spread over 0 to 1: the higher, the more has chance a say.");
    field("from", &Explore::from, {.min = 1, .max = 500, .unit = "place"},
          "The first that is drawn.");
    field("to", &Explore::to, {.min = 1, .max = 500, .unit = "place"}, "The last.");
    field("candidates", &Explore::candidates, {.min = 1, .max = 2000, .unit = "items"},
          "Drawn from so many, beginning with the one at `from`.");
    field("share", &Explore::share, {.min = 0, .max = 1}, "Of the answers that explore at all.");
    field("uniform", &Explore::uniform, {},
          "Every candidate is as likely at every place, whatever its score.");
  }
  Status prepare() {
    if (from <= to && candidates >= to - from + 1) return {};
    return fail(
        Code::kInvalidArgument,
        "explore: places {} to {} out of {} candidates; `from` is not behind `to`, and there "
        "are at least as many candidates as places",
        from, to, candidates);
  }
};

// Gumbel-top-k: the order of s / T + Gumbel noise is one draw after another without replacement,
// each in proportion to exp(s / T) of what is left (Kool, van Hoof, Welling: "Stochastic beams and
// where to find them", ICML 2019, section 2.3).
class Draw {
 public:
  Draw(const Explore& config, std::vector<float> scores, Philox& random)
      : scores_(std::move(scores)) {
    for (const float score : scores_) {
      logits_.push_back(config.uniform ? 0 : score / config.temperature);
      const double gumbel = -std::log(-std::log(random.uniform() + 0x1.0p-54));
      noisy_.push_back(logits_.back() + gumbel);
      order_.push_back(order_.size());
    }
    std::ranges::stable_sort(order_, std::greater{}, [&](size_t i) { return noisy_[i]; });
  }
  // The candidates of the first places, as drawn.
  [[nodiscard]] std::span<const size_t> order() const { return order_; }
  // Of each place, given those before it.
  [[nodiscard]] std::vector<double> propensities() const {
    std::vector<double> out(order_.size());
    double left = -INFINITY;  // log of the sum of exp(logit) from here on
    for (size_t place = order_.size(); place-- > 0;) {
      const double logit = logits_[order_[place]];
      const double most = std::max(left, logit);
      left = most + std::log(std::exp(left - most) + std::exp(logit - most));
      out[place] = std::exp(logit - left);
    }
    return out;
  }
  // Of the drawn order beside the best one, over the first `places`: what chance costs here.
  [[nodiscard]] double relevance(size_t places) const {
    double drawn = 0, best = 0;
    for (size_t i = 0; i < places; ++i) {
      drawn += scores_[order_[i]] * attention(i);
      best += scores_[i] * attention(i);
    }
    return best > 0 ? drawn / best : 1;
  }

 private:
  std::vector<float> scores_;  // best first
  std::vector<double> logits_, noisy_;
  std::vector<size_t> order_;
};

Status explore(const Explore& config, PipelineRun& run) {
  Philox random(seed_of(run), 1);
  auto& items = run.pool.items;
  const size_t head = std::min(items.size(), run.pool.head);
  const size_t first = std::min(static_cast<size_t>(config.from) - 1, head);
  const size_t end = std::min(first + static_cast<size_t>(config.candidates), head);
  const size_t last = std::min({static_cast<size_t>(config.to), run.places, end});
  if (random.uniform() >= config.share || first >= last) return {};
  const auto window = std::span(items).subspan(first, end - first);
  const Draw draw(config, unit_scores(window), random);
  const auto propensities = draw.propensities();
  const std::vector<PoolItem> before(window.begin(), window.end());
  std::vector<bool> drawn(before.size());
  size_t next = 0;
  for (; next < last - first; ++next) {
    const size_t chosen = draw.order()[next];
    drawn[chosen] = true;
    window[next] = before[chosen];
    window[next].propensity = static_cast<float>(propensities[next]);
  }
  for (size_t i = 0; i < before.size(); ++i) {
    if (!drawn[i]) window[next++] = before[i];
  }
  run.relevance_cost = 1 - draw.relevance(last - first);
  run.note = fmt::format("places {} to {} are drawn; relevance {:+.2f} %", first + 1, last,
                         -100 * run.relevance_cost);
  return {};
}

struct Pin {
  std::vector<std::string> items;
  std::vector<std::string> places{"1"};
  bool sponsored = false;
  std::vector<size_t> at;
  static void fields(FieldVisitor<Pin>& field) {
    field("items", &Pin::items, {}, "Ids, with commas between them.");
    field("places", &Pin::places, {}, "Where they stand, one each, 1 the first.");
    field("sponsored", &Pin::sponsored, {},
          "Somebody pays for it: the answer says so of each of them.");
  }
  Status prepare() {
    for (const std::string& text : places) {
      size_t place = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), place);
      const bool whole = error == std::errc() && end == text.data() + text.size();
      if (!whole || place < 1 || place > kHeadPlacesMax || std::ranges::count(at, place - 1) > 0) {
        return fail(Code::kInvalidArgument, "pin: '{}' is no place; 1 to {}, each once", text,
                    kHeadPlacesMax);
      }
      at.push_back(place - 1);
    }
    if (items.empty() || items.size() != at.size()) {
      return fail(Code::kInvalidArgument, "pin: {} items and {} places; each item has one",
                  items.size(), at.size());
    }
    return {};
  }
};

Status pin(const Pin& config, PipelineRun& run) {
  std::vector<std::pair<size_t, ItemIx>> pins;
  std::vector<std::string> left_out;
  for (size_t i = 0; i < config.items.size(); ++i) {
    const auto item = run.items().find(config.items[i]);
    if (item && !run.filter().blocks(*item)) {
      pins.emplace_back(config.at[i], *item);
    } else {
      left_out.push_back(config.items[i]);
    }
  }
  std::ranges::sort(pins, {}, &std::pair<size_t, ItemIx>::first);
  auto& items = run.pool.items;
  for (const auto& [place, item] : pins) {
    PoolItem pinned{.item = item};
    if (const auto known = std::ranges::find(items, item, &PoolItem::item); known != items.end()) {
      pinned = *known;
      if (static_cast<size_t>(known - items.begin()) < run.pool.head) --run.pool.head;
      items.erase(known);
    }
    pinned.sources |= uint32_t{1} << run.stage;
    pinned.propensity = 1;
    const size_t to = std::min(place, run.pool.head);
    items.insert(items.begin() + static_cast<ptrdiff_t>(to), pinned);
    ++run.pool.head;
  }
  if (!left_out.empty()) {
    run.note = fmt::format("not there, or not allowed: {}", fmt::join(left_out, ", "));
  }
  return {};
}

}  // namespace

StageKind exposure_reranker() {
  return stage_kind<Exposure, exposure>(
      "exposure", StagePart::kReranker,
      "A least share of attention for a group of items, and what it costs in relevance.");
}

StageKind newcomers_reranker() {
  return stage_kind<Newcomers, newcomers>(
      "newcomers", StagePart::kReranker,
      "Places for items that were shown seldom: the less is known of one, the more it may be.");
}

StageKind explore_reranker() {
  return stage_kind<Explore, explore>(
      "explore", StagePart::kReranker,
      "Draws places by chance, better items more likely, and says how likely it was.");
}

StageKind pin_reranker() {
  return stage_kind<Pin, pin>("pin", StagePart::kReranker,
                              "Puts certain items at certain places, where filters allow them.");
}

}  // namespace palate::stages
