// What a model says of each rated test row, against what the user said: errors of ratings, the
// order of liked and other rows, probabilities.
#pragma once

#include <array>
#include <string_view>

#include "evaluate/evaluate.h"

namespace palate {

// Sums of one user, which metrics are quotients of.
inline constexpr size_t kRatingSums = 7;
enum RatingSum : size_t {
  kSquares,  // of errors
  kAbsolute,
  kRatings,      // how many errors
  kAucWeighted,  // the user's AUC times his judged rows …
  kAucRows,      // … where he has one
  kLogLoss,
  kJudgedRows,
};

struct RatingRun {
  std::vector<UserIx> users;  // with at least one judged or rated test row, ascending
  std::vector<double> sums;   // users × kRatingSums
  // Of all judged rows, user by user.
  std::vector<double> score;
  std::vector<uint8_t> liked;
};

// Every test row that is a rating, or said as disliked; scored with the user's training rows as
// history at the row's own time. Rows of items that the model does not know get the lowest score of
// the user's, and the mean of their range as a rating. Errors: kCancelled.
Result<RatingRun> run_ratings(const EvaluateJob& job);

// The metrics out of a run, with intervals over users: rmse and mae where scores are ratings, auc
// and gauc where both kinds of rows are there, log_loss and calibration_error where scores are
// probabilities. k is 0. Empty without rows.
std::vector<MetricValue> rating_metrics(const RatingRun& run, ScoreMeaning scores, ThreadPool& pool,
                                        const BootstrapOptions& options);

}  // namespace palate
