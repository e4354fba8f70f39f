#include "evaluate/ranking_run.h"

#include <algorithm>
#include <atomic>

#include "base/progress.h"
#include "features/catalogue.h"
#include "math/judgement.h"
#include "math/metrics.h"

namespace palate {
namespace {

constexpr size_t kBatchUsers = 128;

// Memory of one worker: a batch of requests with what their spans point to.
struct Batch {
  std::vector<std::vector<HistoryEntry>> histories{kBatchUsers};
  std::vector<ItemBitmap> blocked{kBatchUsers};
  std::vector<std::optional<UserRecord>> profiles{kBatchUsers};
  std::vector<TopKRequest> asked, asked_fallback;
  std::vector<size_t> rows, rows_fallback;  // of the test set, beside the requests
  Scratch scratch;
};

class Run {
 public:
  Run(const EvaluateJob& job, const TestSet& set)
      : job_(job),
        set_(set),
        train_(*job.data, job.split->train),
        columns_(kUserMetrics.size() * job.options.ks.size()),
        batches_(job.pool->size()) {
    now_ = train_.seen().newest_ts;
    had_ = users_by_item(train_);
    for (const uint32_t had : had_) {
      information_.push_back(self_information(had, train_.users()));
    }
    profile_.assign(set.users.size(), 0);
    run_.k = std::ranges::max(job.options.ks);
    run_.values.assign(set.users.size() * columns_, 0);
    run_.lists.assign(set.users.size() * run_.k, kNoItem);
  }

  Result<RankingRun> run() {
    Progress progress(fmt::format("Evaluating {}", job_.model->info().kind), set_.users.size(),
                      "users");
    const size_t blocks = (set_.users.size() + kBatchUsers - 1) / kBatchUsers;
    TRY(job_.pool->for_blocks(
        blocks,
        [&](size_t block, size_t worker) {
          const size_t first = block * kBatchUsers;
          const size_t last = std::min(first + kBatchUsers, set_.users.size());
          rank(first, last, batches_[worker]);
          progress.add(last - first);
        },
        job_.stop));
    run_.users_fallback = users_fallback_;
    return std::move(run_);
  }

 private:
  void rank(size_t first, size_t last, Batch& batch) {
    batch.asked.clear();
    batch.asked_fallback.clear();
    batch.rows.clear();
    batch.rows_fallback.clear();
    for (size_t row = first; row < last; ++row) ask(row, row - first, batch);
    answer(*job_.model, batch.asked, batch.rows, batch.scratch);
    if (job_.fallback != nullptr) {
      answer(*job_.fallback, batch.asked_fallback, batch.rows_fallback, batch.scratch);
    }
    users_fallback_ += batch.rows_fallback.size();
  }

  void ask(size_t row, size_t slot, Batch& batch) {
    const UserIx user = set_.users[row];
    TopKRequest request;
    request.query.user = job_.data->user_id(user);
    request.query.history = train_.of(user, batch.histories[slot]);
    request.query.now = now_;
    if (job_.profile_of) {
      batch.profiles[slot] = job_.profile_of(request.query.user);
      if (batch.profiles[slot]) request.query.profile = &*batch.profiles[slot];
    }
    profile_[row] = mean_popularity(request.query.history);
    request.k = run_.k;
    if (job_.options.exclude_seen) {
      ItemBitmap& blocked = batch.blocked[slot];
      blocked.assign((job_.data->items() + 63) / 64, 0);
      for (const HistoryEntry& seen : request.query.history) {
        blocked[seen.item.value / 64] |= uint64_t{1} << seen.item.value % 64;
      }
      request.filter.blocked = blocked;
    }
    const bool own = job_.model->can_answer(request.query);
    (own ? batch.asked : batch.asked_fallback).push_back(request);
    (own ? batch.rows : batch.rows_fallback).push_back(row);
  }

  void answer(const Model& model, std::span<const TopKRequest> asked, std::span<const size_t> rows,
              Scratch& scratch) {
    const auto lists = model.top_k(asked, scratch);
    for (size_t i = 0; i < lists.size(); ++i) {
      const std::span list(run_.lists.data() + rows[i] * run_.k, run_.k);
      for (size_t rank = 0; rank < lists[i].size(); ++rank) list[rank] = lists[i][rank].item.value;
      score(rows[i], list.first(lists[i].size()));
    }
  }

  [[nodiscard]] double mean_popularity(std::span<const HistoryEntry> rows) const {
    double sum = 0;
    for (const HistoryEntry& row : rows) sum += had_[row.item.value];
    return rows.empty() ? 0 : sum / static_cast<double>(rows.size());
  }

  // Novelty: the mean self-information of the list. Popularity lift: how much more popular the list
  // is than what the user had, (list - had) / had (Abdollahpouri et al., "The connection between
  // popularity bias, calibration, and fairness in recommendation", RecSys 2020, equation 2).
  [[nodiscard]] std::pair<double, double> popularity_of(size_t row,
                                                        std::span<const uint32_t> list) const {
    if (list.empty()) return {0, 0};
    double information = 0, popularity = 0;
    for (const uint32_t item : list) {
      information += information_[item];
      popularity += had_[item];
    }
    const auto n = static_cast<double>(list.size());
    const double own = profile_[row];
    return {information / n, own > 0 ? (popularity / n - own) / own : 0};
  }

  void score(size_t row, std::span<const uint32_t> ranked) {
    const auto& ks = job_.options.ks;
    double* values = run_.values.data() + row * columns_;
    for (size_t i = 0; i < ks.size(); ++i) {
      const RankingMetrics m = ranking_metrics({.ranked = ranked, .relevant = set_.of(row)}, ks[i]);
      const auto [novelty, lift] = popularity_of(row, ranked.first(std::min(ks[i], ranked.size())));
      const std::array by_metric{
          m.recall,          m.recall_capped, m.precision, m.ndcg, m.average_precision,
          m.reciprocal_rank, m.hit,           novelty,     lift};
      static_assert(by_metric.size() == kUserMetrics.size());
      for (size_t j = 0; j < by_metric.size(); ++j) values[j * ks.size() + i] = by_metric[j];
    }
  }

  const EvaluateJob& job_;
  const TestSet& set_;
  const DatasetView train_;
  const size_t columns_;
  std::vector<Batch> batches_;
  TimeUs now_;
  std::vector<uint32_t> had_;  // users who had the item in training
  std::vector<double> information_;
  std::vector<double> profile_;  // of each row of the set: the mean of that over what the user had
  std::atomic<uint64_t> users_fallback_{0};
  RankingRun run_;
};

}  // namespace

Result<RankingRun> rank_test_users(const EvaluateJob& job, const TestSet& set) {
  return Run(job, set).run();
}

}  // namespace palate
