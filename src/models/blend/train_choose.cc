#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "math/top_k.h"
#include "models/blend/train.h"

namespace palate {
namespace {

double ndcg(const BlendUser& user, std::span<const double> weights, size_t cut) {
  const size_t parts = weights.size();
  TopK best(cut);
  for (size_t i = 0; i < user.items.size(); ++i) {
    double sum = 0;
    for (size_t p = 0; p < parts; ++p) sum += weights[p] * double{user.scores[i * parts + p]};
    best.push(static_cast<float>(sum), static_cast<uint32_t>(i));
  }
  double gain = 0, ideal = 0;
  size_t rank = 0;
  for (const ScoredIndex& entry : best.take()) {
    if (user.relevant[entry.index]) gain += 1 / std::log2(static_cast<double>(rank) + 2);
    ++rank;
  }
  for (size_t i = 0; i < std::min(cut, user.relevant_count); ++i) {
    ideal += 1 / std::log2(static_cast<double>(i) + 2);
  }
  return ideal > 0 ? gain / ideal : 0;
}

}  // namespace

double blend_quality(std::span<const BlendUser> users, std::span<const double> weights,
                     size_t cut) {
  double sum = 0;
  for (const BlendUser& user : users) sum += ndcg(user, weights, cut);
  return users.empty() ? 0 : sum / static_cast<double>(users.size());
}

std::vector<double> choose_weights(std::span<const BlendUser> users, size_t parts, size_t cut) {
  // Multiples of what a part weighs now, or, of the weightiest, what it begins with.
  constexpr std::array kShares{0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.65, 1.0, 1.5};
  constexpr int kRoundsMax = 4;
  std::vector<double> best(parts, 0.0);
  double quality = -1;
  for (size_t part = 0; part < parts; ++part) {
    std::vector<double> alone(parts, 0.0);
    alone[part] = 1;
    const double own = blend_quality(users, alone, cut);
    if (own > quality) best = alone, quality = own;
  }
  const auto lead = static_cast<size_t>(std::ranges::max_element(best) - best.begin());
  for (int round = 0; round < kRoundsMax; ++round) {
    const double before = quality;
    for (size_t part = 0; part < parts; ++part) {
      if (part == lead) continue;
      for (const double share : kShares) {
        std::vector<double> tried = best;
        tried[part] = share;
        const double now = blend_quality(users, tried, cut);
        if (now > quality) best = tried, quality = now;
      }
    }
    if (quality == before) break;
  }
  const double sum = std::accumulate(best.begin(), best.end(), 0.0);
  for (double& weight : best) weight /= sum;
  return best;
}

std::vector<BlendUser> handed_over(std::span<const BlendUser> users,
                                   std::span<const PartRole> roles, const Handover& handover) {
  std::vector<BlendUser> out(users.begin(), users.end());
  const size_t parts = roles.size();
  for (BlendUser& user : out) {
    for (size_t i = 0; i < user.scores.size(); ++i) {
      const PartRole role = roles[i % parts];
      user.scores[i] *=
          static_cast<float>(share_by_user(role, user.events, handover) *
                             share_by_item(role, user.item_events[i / parts], handover));
    }
  }
  return out;
}

BlendChoice choose_blend(std::span<const BlendUser> users, std::span<const PartRole> roles,
                         const BlendConfig& config, std::vector<double> given) {
  // What to try where the config leaves the choice, and what to take where nobody can be asked.
  constexpr std::array kUserEvents{2.0, 5.0, 15.0, 50.0};
  constexpr std::array kItemEvents{1.0, 3.0, 10.0, 30.0};
  constexpr double kUserEventsUnasked = 5, kItemEventsUnasked = 1;
  const auto has = [&](PartRole role) { return std::ranges::find(roles, role) != roles.end(); };
  const bool by_user = has(PartRole::kColdUsers) && config.user_events < 0 &&
                       (has(PartRole::kPersonal) || has(PartRole::kColdItems));
  const bool by_item =
      has(PartRole::kColdItems) && has(PartRole::kPersonal) && config.item_events < 0;
  const auto at = static_cast<size_t>(config.cut);
  BlendChoice best{{}, {std::max(0.0, config.user_events), std::max(0.0, config.item_events)}};
  if (users.empty()) {
    best.weights = given.empty() ? std::vector<double>(roles.size(), 1.0) : std::move(given);
    if (by_user) best.handover.user_events = kUserEventsUnasked;
    if (by_item) best.handover.item_events = kItemEventsUnasked;
    return best;
  }
  double quality = -1;
  const auto consider = [&](const Handover& handover) {
    const auto counted = handed_over(users, roles, handover);
    auto weights = given.empty() ? choose_weights(counted, roles.size(), at) : given;
    const double now = blend_quality(counted, weights, at);
    if (now > quality) quality = now, best = {std::move(weights), handover};
  };
  consider(best.handover);
  for (const double events : kItemEvents) {
    if (by_item) consider({best.handover.user_events, events});
  }
  for (const double events : kUserEvents) {
    if (by_user) consider({events, best.handover.item_events});
  }
  return best;
}

void keep_for_cold_users(size_t part, BlendChoice& choice) {
  constexpr double kLittle = 0.01, kUserEvents = 1;
  if (choice.weights[part] > 0) return;
  choice.weights[part] = kLittle;
  if (choice.handover.user_events <= 0) choice.handover.user_events = kUserEvents;
}

double blend_rmse(const BlendRatings& ratings, std::span<const double> weights) {
  const size_t parts = weights.size();
  double sum = 0;
  for (size_t i = 0; i < ratings.rated.size(); ++i) {
    double error = -double{ratings.rated[i]};
    for (size_t p = 0; p < parts; ++p)
      error += weights[p] * double{ratings.predicted[i * parts + p]};
    sum += error * error;
  }
  return ratings.rated.empty() ? 0 : std::sqrt(sum / static_cast<double>(ratings.rated.size()));
}

std::vector<double> choose_rating_weights(const BlendRatings& ratings, size_t parts) {
  constexpr int kRoundsMax = 200;
  constexpr double kLeastStep = 1e-3;
  std::vector<double> best(parts, 1 / static_cast<double>(parts));
  double least = blend_rmse(ratings, best), step = 0.25;
  for (int round = 0; round < kRoundsMax && step > kLeastStep; ++round) {
    bool better = false;
    for (size_t to = 0; to < parts; ++to) {
      for (size_t from = 0; from < parts; ++from) {
        auto tried = best;
        const double moved = std::min(step, tried[from]);
        if (to == from || moved <= 0) continue;
        tried[to] += moved, tried[from] -= moved;
        const double now = blend_rmse(ratings, tried);
        if (now < least) best = std::move(tried), least = now, better = true;
      }
    }
    if (!better) step /= 2;
  }
  return best;
}

}  // namespace palate
