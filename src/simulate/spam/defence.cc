#include "simulate/spam/defence.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "simulate/truth/streams.h"
#include "simulate/truth/truth.h"

namespace palate {
namespace {

constexpr int64_t kHourUs = 3600 * kSecondUs;

std::vector<uint32_t> top_of(const std::vector<double>& scores, size_t count) {
  std::vector<uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0U);
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<int64_t>(count), order.end(),
                    [&](uint32_t a, uint32_t b) {
                      return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
                    });
  order.resize(count);
  std::erase_if(order, [&](uint32_t item) { return scores[item] <= 0; });
  return order;
}

// A closed loop of one world and one ranking.
class Loop {
 public:
  Loop(const World& world, ItemRanking ranking, const DefenceOptions& options)
      : world_(world),
        truth_(world),
        ranking_(std::move(ranking)),
        options_(options),
        acted_(world.users()),
        trends_at_h_(truth_.hits().size(), -1) {}

  Status run() {
    const World::Play play{
        .stop = options_.stop,
        .recommend = [this](const World::Request& request,
                            std::vector<uint32_t>& slate) { recommend(request, slate); },
        .observe = [this](const Happening& happening) { seen_.push_back(happening); }};
    TRY(world_.play(play, [&](const World::Day& day) -> Status {
      for (const Happening& happening : day.happenings) count(happening);
      return status_;
    }));
    return {};
  }

  Result<Exposure> result() {
    Exposure out;
    out.target_share = shown_ > 0 ? target_shown_ / shown_ : 0;
    out.attack_share = events_ > 0 ? attack_events_ / events_ : 0;
    out.hours_to_trend = trends_at_h_;
    std::vector<double> trust(world_.users(), 1.0);
    if (ranking_.trust) trust = TRY(ranking_.trust());
    double caught[2] = {0, 0}, all[2] = {0, 0};
    for (uint32_t u = 0; u < world_.users(); ++u) {
      if (!acted_[u]) continue;
      const size_t which = truth_.malice(u) == Malice::kNone ? 0 : 1;
      ++all[which];
      if (trust[u] < options_.distrusted) ++caught[which];
    }
    out.precision = caught[0] + caught[1] > 0 ? caught[1] / (caught[0] + caught[1]) : 1;
    out.recall = all[1] > 0 ? caught[1] / all[1] : 0;
    out.honest_caught = all[0] > 0 ? caught[0] / all[0] : 0;
    return out;
  }

 private:
  // The ranking learns what happened up to the last full hour, and says what is at its top now.
  void learn(TimeUs now) {
    const int64_t hour = (now.us - world_.start().us) / kHourUs;
    if (hour <= hour_ || !status_) return;
    hour_ = hour;
    const auto learnt = [&]() -> Status {
      TRY(ranking_.observe(seen_));
      seen_.clear();
      const TimeUs at{world_.start().us + hour * kHourUs};
      top_ = top_of(TRY(ranking_.scores(at)), std::max(options_.top, options_.trending_top));
      return {};
    };
    status_ = learnt();
    const double day = static_cast<double>(hour) / 24;
    for (size_t h = 0; h < trends_at_h_.size(); ++h) {
      const uint32_t hit = truth_.hits()[h];
      const auto end = top_.begin() + int64_t(std::min(options_.trending_top, top_.size()));
      const double since_h = 24 * (day - double(truth_.item(hit).hit_day));
      if (trends_at_h_[h] < 0 && since_h >= 0 && std::find(top_.begin(), end, hit) != end)
        trends_at_h_[h] = since_h;
    }
  }

  // The own policy's page, every second slot replaced by one from the top that is not on it yet.
  void recommend(const World::Request& request, std::vector<uint32_t>& slate) {
    learn(request.at);
    slate = truth_.own_slate(request);
    if (top_.empty()) return;
    Philox random =
        own_policy_stream(world_.config().seed + 1, request.user, request.visit, request.page);
    const auto pool = static_cast<uint32_t>(std::min(options_.top, top_.size()));
    for (size_t s = 0; s < slate.size(); s += 2) {
      const uint32_t item = top_[random.below(pool)];
      if (std::ranges::find(slate, item) == slate.end()) slate[s] = item;
    }
  }

  void count(const Happening& happening) {
    acted_[happening.user] = acted_[happening.user] || happening.type != Happened::kImpression;
    const double share =
        double(happening.us) / double(kDayUs) / static_cast<double>(world_.config().days);
    if (share < world_.config().attack_from || share >= world_.config().attack_to) return;
    const bool honest = truth_.malice(happening.user) == Malice::kNone;
    ++events_;
    if (!honest) ++attack_events_;
    if (happening.type != Happened::kImpression || !honest) return;
    ++shown_;
    if (happening.item == truth_.target()) ++target_shown_;
  }

  const World& world_;
  const Truth truth_;
  const ItemRanking ranking_;
  const DefenceOptions& options_;
  std::vector<Happening> seen_;  // not yet learnt: of an hour
  std::vector<bool> acted_;
  std::vector<double> trends_at_h_;
  std::vector<uint32_t> top_;
  int64_t hour_ = -1;
  Status status_;
  double shown_ = 0, target_shown_ = 0, events_ = 0, attack_events_ = 0;
};

bool likes(const Happening& happening) {
  if (happening.type == Happened::kRating) return happening.value >= 4;
  return happening.type == Happened::kClick || happening.type == Happened::kWatch ||
         happening.type == Happened::kLike;
}

SimulateConfig without_attackers(SimulateConfig config) {
  config.farm_share = config.bomber_share = config.sleeper_share = config.flood_share = 0;
  return config;
}

}  // namespace

Result<Exposure> measure_exposure(const World& world, const MakeRanking& ranking,
                                  const DefenceOptions& options) {
  Loop loop(world, TRY(ranking(world)), options);
  TRY(loop.run());
  return loop.result();
}

double Defence::gain_left() const {
  const double open = attack.target_share - peace.target_share;
  const double defended = attack_defended.target_share - peace_defended.target_share;
  return open > 0 ? std::max(0.0, defended) / open : 0;
}

Result<Defence> measure_defence(const SimulateConfig& config, const MakeRanking& open,
                                const MakeRanking& defended, const DefenceOptions& options) {
  const World peace = TRY(World::make(without_attackers(config)));
  const World attack = TRY(World::make(config));
  Defence out;
  out.peace = TRY(measure_exposure(peace, open, options));
  out.peace_defended = TRY(measure_exposure(peace, defended, options));
  out.attack = TRY(measure_exposure(attack, open, options));
  out.attack_defended = TRY(measure_exposure(attack, defended, options));
  return out;
}

MakeRanking count_likes(double half_life_s,
                        std::function<double(const World&, const Happening&)> weight) {
  struct Counts {
    std::vector<double> of_items;
    int64_t as_of_us = 0;
  };
  return [half_life_s, weight](const World& world) -> Result<ItemRanking> {
    auto counts = std::make_shared<Counts>();
    counts->of_items.resize(world.items());
    const auto fade_to = [counts, half_life_s](int64_t us) {
      const double seconds = double(us - counts->as_of_us) / double(kSecondUs);
      for (double& count : counts->of_items) count *= std::exp2(-seconds / half_life_s);
      counts->as_of_us = us;
    };
    ItemRanking ranking;
    ranking.observe = [=, &world](std::span<const Happening> some) -> Status {
      if (!some.empty()) fade_to(some.back().us);
      for (const Happening& happening : some) {
        if (!likes(happening)) continue;
        const double age_s = double(counts->as_of_us - happening.us) / double(kSecondUs);
        counts->of_items[happening.item] +=
            (weight ? weight(world, happening) : 1) * std::exp2(-age_s / half_life_s);
      }
      return {};
    };
    ranking.scores = [=, &world](TimeUs now) -> Result<std::vector<double>> {
      fade_to(now.us - world.start().us);
      return counts->of_items;
    };
    return ranking;
  };
}

}  // namespace palate
