#include "evaluate/breakdown.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace palate {
namespace {

constexpr size_t kGroupsMax = 20;  // of users, the largest

// Where the report looks: 20 where it is asked for, else the longest list.
size_t place_of_k(std::span<const size_t> ks) {
  constexpr size_t kUsual = 20;
  const auto usual = std::ranges::find(ks, kUsual);
  return static_cast<size_t>((usual != ks.end() ? usual : std::ranges::max_element(ks)) -
                             ks.begin());
}

size_t metric_at(std::string_view name) {
  return static_cast<size_t>(std::ranges::find(kUserMetrics, name) - kUserMetrics.begin());
}

struct Table {
  std::span<const double> values;  // users × columns
  size_t columns, k, recall, ndcg;
};

Table table_of(const EvaluateJob& job, const RankingRun& run) {
  const auto& ks = job.options.ks;
  const size_t place = place_of_k(ks);
  return {run.values, kUserMetrics.size() * ks.size(), ks[place],
          metric_at("recall") * ks.size() + place, metric_at("ndcg") * ks.size() + place};
}

Breakdown mean_over(const Table& table, std::span<const size_t> rows) {
  Breakdown out;
  out.count = rows.size();
  out.k = table.k;
  const auto n = static_cast<double>(std::max<size_t>(1, rows.size()));
  for (const size_t row : rows) {
    out.recall += table.values[row * table.columns + table.recall] / n;
    out.ndcg += table.values[row * table.columns + table.ndcg] / n;
  }
  return out;
}

std::vector<Breakdown> by_activity(const EvaluateJob& job, const TestSet& set, const Table& table) {
  constexpr size_t kQuarters = 4;
  const DatasetView train(*job.data, job.split->train);
  std::vector<std::pair<size_t, size_t>> order;  // rows of training, row of the table
  std::vector<HistoryEntry> scratch;
  for (size_t row = 0; row < set.users.size(); ++row) {
    order.emplace_back(train.of(set.users[row], scratch).size(), row);
  }
  std::ranges::sort(order);
  std::vector<Breakdown> out;
  for (size_t quarter = 0; quarter < kQuarters; ++quarter) {
    const size_t begin = order.size() * quarter / kQuarters;
    const size_t end = order.size() * (quarter + 1) / kQuarters;
    if (begin == end) continue;
    std::vector<size_t> rows;
    for (size_t i = begin; i < end; ++i) rows.push_back(order[i].second);
    out.push_back(mean_over(table, rows));
    out.back().by = "user activity";
    out.back().group =
        fmt::format("{} to {} training rows", order[begin].first, order[end - 1].first);
  }
  return out;
}

std::vector<Breakdown> by_group(const TestSet& set, const Table& table, const Groups& groups) {
  std::vector<std::vector<size_t>> rows(groups.names.size());
  for (size_t row = 0; row < set.users.size(); ++row) {
    const uint32_t group = groups.of(set.users[row].value);
    if (group != Groups::kNone) rows[group].push_back(row);
  }
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater<>(),
                           [&](size_t group) { return rows[group].size(); });
  std::vector<Breakdown> out;
  for (size_t i = 0; i < std::min(order.size(), kGroupsMax); ++i) {
    if (rows[order[i]].empty()) break;
    out.push_back(mean_over(table, rows[order[i]]));
    out.back().by = groups.by;
    out.back().group = groups.names[order[i]];
  }
  return out;
}

// Which third an item is in: 0 popular, 1 the middle, 2 seldom had.
std::vector<uint8_t> thirds(const std::vector<uint32_t>& had) {
  std::vector<uint32_t> order(had.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, std::greater<>(), [&](uint32_t item) { return had[item]; });
  const double all = std::accumulate(had.begin(), had.end(), 0.0);
  std::vector<uint8_t> third(had.size());
  double before = 0;
  for (const uint32_t item : order) {
    third[item] = before < all / 5 ? 0 : before < all * 4 / 5 ? 1 : 2;
    before += had[item];
  }
  return third;
}

std::vector<Breakdown> by_popularity(const EvaluateJob& job, const TestSet& set,
                                     const RankingRun& run) {
  constexpr std::array<const char*, 3> kNames{"a fifth of training rows", "in between",
                                              "the last fifth"};
  const auto third = thirds(users_by_item(DatasetView(*job.data, job.split->train)));
  const size_t k = job.options.ks[place_of_k(job.options.ks)];
  std::array<uint64_t, 3> relevant{}, found{};
  for (size_t row = 0; row < set.users.size(); ++row) {
    const std::span list(run.lists.data() + row * run.k, k);
    for (const uint32_t item : set.of(row)) {
      ++relevant[third[item]];
      found[third[item]] += std::ranges::find(list, item) != list.end() ? 1 : 0;
    }
  }
  std::vector<Breakdown> out;
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (relevant[i] == 0) continue;
    out.push_back({"item popularity", kNames[i], relevant[i], k,
                   static_cast<double>(found[i]) / static_cast<double>(relevant[i]), 0});
  }
  return out;
}

}  // namespace

std::vector<Breakdown> break_down(const EvaluateJob& job, const TestSet& set,
                                  const RankingRun& run) {
  const Table table = table_of(job, run);
  std::vector<Breakdown> out = by_activity(job, set, table);
  const auto append = [&](std::vector<Breakdown> more) {
    out.insert(out.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
  };
  append(by_popularity(job, set, run));
  for (const Groups& groups : job.user_groups) append(by_group(set, table, groups));
  return out;
}

}  // namespace palate
