#include "evaluate/rating_run.h"

#include <algorithm>
#include <cmath>

#include "evaluate/intervals.h"
#include "math/judgement.h"

namespace palate {
namespace {

constexpr size_t kUsersEach = 64;

// What is asked of one user.
struct Asked {
  UserIx user;
  std::vector<HistoryEntry> rows;
};

// One user's answers.
struct Answers {
  std::array<double, kRatingSums> sums{};
  std::vector<double> score;
  std::vector<uint8_t> liked;
};

std::vector<Asked> asked_of(const Dataset& data, const Split& split) {
  std::vector<Asked> out;
  uint64_t bit = 0;
  for (uint32_t user = 0; user < data.users(); ++user) {
    Asked asked{{user}, {}};
    for (const HistoryEntry& row : data.of({user})) {
      if ((*split.test)[bit++] && (data.is_rating(row) || row.preference < 0)) {
        asked.rows.push_back(row);
      }
    }
    if (!asked.rows.empty()) out.push_back(std::move(asked));
  }
  return out;
}

class Judge {
 public:
  Judge(const EvaluateJob& job)
      : job_(job), train_(*job.data, job.split->train), info_(job.model->info()) {
    newest_ = train_.seen().newest_ts;
  }

  Answers judge(const Asked& asked, Scratch& scratch) const {
    Answers out;
    score_rows(asked, out, scratch);
    for (size_t i = 0; i < asked.rows.size(); ++i) {
      const HistoryEntry& row = asked.rows[i];
      out.liked.push_back(row.preference > 0 ? 1 : 0);
      if (info_.scores == ScoreMeaning::kRating && job_.data->is_rating(row)) {
        add_error(row.value, out.score[i], out);
      }
    }
    const auto rows = static_cast<double>(asked.rows.size());
    if (const auto own = auc(out.score, out.liked)) {
      out.sums[kAucWeighted] = *own * rows;
      out.sums[kAucRows] = rows;
    }
    if (info_.scores == ScoreMeaning::kProbability) {
      out.sums[kLogLoss] = log_loss(out.score, out.liked) * rows;
    }
    out.sums[kJudgedRows] = rows;
    return out;
  }

 private:
  void add_error(float rating, double score, Answers& out) const {
    RatingErrors errors;
    errors.add(rating, std::clamp(score, double{info_.score_min}, double{info_.score_max}));
    out.sums[kSquares] += errors.squares;
    out.sums[kAbsolute] += errors.absolute;
    out.sums[kRatings] += errors.count;
  }

  // Rows of one time are asked for together.
  void score_rows(const Asked& asked, Answers& out, Scratch& scratch) const {
    std::vector<HistoryEntry> kept;
    Query query;
    query.user = job_.data->user_id(asked.user);
    query.history = train_.of(asked.user, kept);
    std::optional<UserRecord> profile;
    if (job_.profile_of) profile = job_.profile_of(query.user);
    if (profile) query.profile = &*profile;
    // Only predicted ratings may depend on the time; other models are asked for all rows at once.
    const bool real = info_.scores == ScoreMeaning::kRating && job_.data->time() == TimeKind::kReal;
    std::vector<ItemIx> items;
    std::vector<float> scores;
    for (size_t first = 0; first < asked.rows.size(); first += items.size()) {
      query.now = real ? asked.rows[first].ts : newest_;
      items.clear();
      for (size_t i = first; i < asked.rows.size(); ++i) {
        if (real && asked.rows[i].ts != query.now) break;
        items.push_back(asked.rows[i].item);
      }
      scores.assign(items.size(), 0);
      job_.model->score(query, items, scores, scratch);
      out.score.insert(out.score.end(), scores.begin(), scores.end());
    }
    replace_unknown(out.score);
  }

  void replace_unknown(std::vector<double>& scores) const {
    double lowest = 0;
    bool any = false;
    for (const double score : scores) {
      if (!std::isfinite(score)) continue;
      lowest = any ? std::min(lowest, score) : score;
      any = true;
    }
    const bool rating = info_.scores == ScoreMeaning::kRating;
    const double middle = (double{info_.score_min} + double{info_.score_max}) / 2;
    for (double& score : scores) {
      if (!std::isfinite(score)) score = rating && std::isfinite(middle) ? middle : lowest;
    }
  }

  const EvaluateJob& job_;
  const DatasetView train_;
  const ModelInfo& info_;
  TimeUs newest_;
};

MetricValue without_interval(const char* name, double value) {
  return {name, 0, {value, value, value}};
}

}  // namespace

Result<RatingRun> run_ratings(const EvaluateJob& job) {
  const auto asked = asked_of(*job.data, *job.split);
  const Judge judge(job);
  std::vector<Answers> answers(asked.size());
  std::vector<Scratch> scratch(job.pool->size());
  TRY(job.pool->for_blocks((asked.size() + kUsersEach - 1) / kUsersEach,
                           [&](size_t block, size_t worker) {
                             const size_t end = std::min(asked.size(), (block + 1) * kUsersEach);
                             for (size_t i = block * kUsersEach; i < end; ++i) {
                               answers[i] = judge.judge(asked[i], scratch[worker]);
                             }
                           },
                           job.stop));
  RatingRun run;
  for (size_t i = 0; i < asked.size(); ++i) {
    run.users.push_back(asked[i].user);
    run.sums.insert(run.sums.end(), answers[i].sums.begin(), answers[i].sums.end());
    run.score.insert(run.score.end(), answers[i].score.begin(), answers[i].score.end());
    run.liked.insert(run.liked.end(), answers[i].liked.begin(), answers[i].liked.end());
  }
  return run;
}

std::vector<MetricValue> rating_metrics(const RatingRun& run, ScoreMeaning scores, ThreadPool& pool,
                                        const BootstrapOptions& options) {
  std::vector<MetricValue> out;
  if (run.users.empty()) return out;
  std::vector<const char*> names;
  std::vector<SumsMetric> sums;
  const auto want = [&](const char* name, SumsMetric metric) {
    names.push_back(name);
    sums.push_back(metric);
  };
  if (scores == ScoreMeaning::kRating) {
    want("rmse", {kSquares, kRatings, /*root=*/true});
    want("mae", {kAbsolute, kRatings});
  }
  const auto all = auc(run.score, run.liked);
  if (all) want("gauc", {kAucWeighted, kAucRows});
  if (scores == ScoreMeaning::kProbability) want("log_loss", {kLogLoss, kJudgedRows});
  if (sums.empty()) return out;
  const auto intervals = bootstrap_quotients({run.sums, kRatingSums}, sums, {pool, options});
  for (size_t i = 0; i < names.size(); ++i) out.push_back({names[i], 0, intervals[i]});
  if (all) out.push_back(without_interval("auc", *all));
  if (scores == ScoreMeaning::kProbability) {
    out.push_back(without_interval("calibration_error", calibration_error(run.score, run.liked)));
  }
  return out;
}

}  // namespace palate
