#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "evaluate/groups.h"
#include "evaluate/ranking_run.h"
#include "math/judgement.h"

namespace palate {

uint32_t Groups::add(std::string_view name) {
  if (name.empty()) return kNone;
  const auto [at, added] =
      place.try_emplace(std::string(name), static_cast<uint32_t>(names.size()));
  if (added) names.emplace_back(name);
  return at->second;
}

std::vector<uint32_t> users_by_item(const DatasetView& train) {
  constexpr uint32_t kNobody = 0xffffffff;
  std::vector<uint32_t> count(train.items()), last(train.items(), kNobody);
  std::vector<HistoryEntry> scratch;
  for (uint32_t user = 0; user < train.users(); ++user) {
    for (const HistoryEntry& row : train.of({user}, scratch)) {
      if (last[row.item.value] == user) continue;
      last[row.item.value] = user;
      ++count[row.item.value];
    }
  }
  return count;
}

std::vector<double> exposures(const ExposureInput& input, size_t k) {
  std::vector<double> exposure(input.data->items());
  for (size_t first = 0; first < input.lists.size(); first += input.k) {
    for (size_t rank = 0; rank < k && input.lists[first + rank] != kNoItem; ++rank) {
      exposure[input.lists[first + rank]] += 1 / std::log2(static_cast<double>(rank) + 2);
    }
  }
  return exposure;
}

ExposureGap exposure_gap(const ExposureInput& input, size_t k, const Groups& items) {
  const auto exposure = exposures(input, k);
  const auto had = users_by_item(DatasetView(*input.data, input.split->train));
  std::vector<double> exposed(items.names.size()), share(items.names.size());
  for (size_t item = 0; item < exposure.size(); ++item) {
    const uint32_t group = items.of(item);
    if (group == Groups::kNone) continue;
    exposed[group] += exposure[item];
    share[group] += had[item];
  }
  ExposureGap out{items.by, k, distribution_gap(exposed, share), {}};
  const double all_exposed = std::accumulate(exposed.begin(), exposed.end(), 0.0);
  const double all_had = std::accumulate(share.begin(), share.end(), 0.0);
  if (all_exposed <= 0 || all_had <= 0) return out;
  for (size_t group = 0; group < exposed.size(); ++group) {
    out.widest.push_back(
        {items.names[group], exposed[group] / all_exposed, share[group] / all_had});
  }
  std::ranges::stable_sort(out.widest, std::greater<>(), [](const ExposureGap::Group& group) {
    return std::abs(group.exposed - group.had);
  });
  if (out.widest.size() > ExposureGap::kWidest) out.widest.resize(ExposureGap::kWidest);
  return out;
}

namespace {

// The users of the items that are looked at, ascending.
class UsersOf {
 public:
  UsersOf(const DatasetView& train, std::span<const uint32_t> items) : place_(train.items(), 0) {
    for (const uint32_t item : items) {
      if (place_[item] == 0) place_[item] = static_cast<uint32_t>(++wanted_);
    }
    users_.resize(wanted_ + 1);
    std::vector<HistoryEntry> scratch;
    for (uint32_t user = 0; user < train.users(); ++user) {
      for (const HistoryEntry& row : train.of({user}, scratch)) {
        const uint32_t place = place_[row.item.value];
        if (place == 0) continue;
        if (users_[place].empty() || users_[place].back() != user) users_[place].push_back(user);
      }
    }
  }

  double cosine(uint32_t a, uint32_t b) {
    const uint64_t pair = uint64_t{std::min(a, b)} << 32 | std::max(a, b);
    const auto [known, added] = pairs_.try_emplace(pair, 0);
    if (!added) return known->second;
    const auto &x = users_[place_[a]], &y = users_[place_[b]];
    size_t both = 0;
    for (size_t i = 0, j = 0; i < x.size() && j < y.size();) {
      both += x[i] == y[j] ? 1 : 0;
      const bool step_x = x[i] <= y[j], step_y = y[j] <= x[i];
      i += step_x ? 1 : 0;
      j += step_y ? 1 : 0;
    }
    const double lengths = std::sqrt(static_cast<double>(x.size()) * static_cast<double>(y.size()));
    return known->second = lengths > 0 ? static_cast<double>(both) / lengths : 0;
  }

 private:
  std::vector<uint32_t> place_;  // in `users_` of each item, 0: not looked at
  size_t wanted_ = 0;
  std::vector<std::vector<uint32_t>> users_;
  std::unordered_map<uint64_t, double> pairs_;
};

}  // namespace

namespace {

double diversity_of(std::span<const uint32_t> list, UsersOf& of) {
  double sum = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    for (size_t j = 0; j < i; ++j) sum += 1 - of.cosine(list[i], list[j]);
  }
  const auto n = static_cast<double>(list.size());
  return sum / (n * (n - 1) / 2);
}

}  // namespace

std::vector<Interval> diversity(const ExposureInput& input, ThreadPool& pool,
                                const BootstrapOptions& options) {
  const size_t users = input.lists.size() / input.k, length = std::min(input.k, kDiversityItems);
  const size_t step = std::max<size_t>(1, (users + kDiversityUsers - 1) / kDiversityUsers);
  std::vector<std::vector<uint32_t>> lists;
  std::vector<uint32_t> items;
  for (size_t user = 0; user < users; user += step) {
    const auto list = input.lists.subspan(user * input.k, length);
    lists.emplace_back(list.begin(), std::ranges::find(list, kNoItem));
    items.insert(items.end(), lists.back().begin(), lists.back().end());
  }
  UsersOf of(DatasetView(*input.data, input.split->train), items);
  std::vector<Interval> out;
  for (const size_t k : input.ks) {
    std::vector<double> values;
    for (const auto& list : lists) {
      const auto head = std::span(list).first(std::min(k, list.size()));
      if (head.size() > 1) values.push_back(diversity_of(head, of));
    }
    out.push_back(bootstrap_mean(values, pool, options));
  }
  return out;
}

}  // namespace palate
