// How well numbers say what somebody will like: errors of ratings, order of judged pairs, honesty
// of probabilities. `liked[i]` says what happened, beside `score[i]`. Users and intervals are the
// caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace palate {

// RMSE = sqrt(sum (r - p)² / n), MAE = sum |r - p| / n (Herlocker et al., "Evaluating collaborative
// filtering recommender systems", TOIS 2004, section 4.2.1). Sums add up over users.
struct RatingErrors {
  double squares = 0, absolute = 0, count = 0;
  void add(double rating, double predicted);
  [[nodiscard]] double rmse() const;  // 0 without any
  [[nodiscard]] double mae() const;
};

// The share of pairs of a liked and another one that are in the right order, ties counting half:
// (R - n1 (n1 + 1) / 2) / (n1 n0) with R the sum of the ranks of the liked, equal scores sharing
// their mean rank (Hanley and McNeil 1982). nullopt where all or none are liked.
// GAUC is the mean of the users' own AUC weighted by their judged rows (Zhou et al., "Deep Interest
// Network", KDD 2018, section 5.3), over users who have one.
std::optional<double> auc(std::span<const double> score, std::span<const uint8_t> liked);

// -(1/n) sum of liked ? log(p) : log(1 - p), with p kept 1e-15 away from 0 and 1; 0 without any.
double log_loss(std::span<const double> probability, std::span<const uint8_t> liked);

// Expected calibration error: sum over `bins` of equal width of (n_b / n) |liked share - mean p|
// (Guo et al., "On calibration of modern neural networks", ICML 2017, equation 3).
inline constexpr size_t kCalibrationBins = 15;
double calibration_error(std::span<const double> probability, std::span<const uint8_t> liked,
                         size_t bins = kCalibrationBins);

// How unequally exposures fall on items: sum over i of (2 i - n - 1) x_(i) / (n sum x), x ascending
// (Adomavicius and Kwon, TKDE 2012, section 5.1): 0 all alike, 1 - 1/n all on one; 0 without any.
double gini(std::span<const double> exposures);

// Novelty of an item: -log2 of the share of users who have had it, those nobody had counting as had
// by one (Castells, Hurley and Vargas, "Novelty and diversity in recommender systems", 2015).
double self_information(uint64_t had, uint64_t users);

// Half the sum of |a_g / sum a - b_g / sum b|: how far one distribution over groups is from another
// (total variation), 0 to 1; 0 where either is empty.
double distribution_gap(std::span<const double> a, std::span<const double> b);

}  // namespace palate
