// What clicks on shown items say, corrected for how the items came to be shown. Three biases, each
// estimated from logged rows by a pure function, and what it makes of a row of Examples: a weight
// or another label. docs/bias.md says which to take and what each is worth.
//
// Corrections of the label: the logistic loss is linear in it, l(y) = y·l(1) + (1 − y)·l(0). So the
// loss (c/θ)·l(1) + (1 − c/θ)·l(0) of a click c is that of the label c/θ, which may be above 1, and
// the affine correction is the label (c − β)/α, which may be below 0. Rows that a model learns by
// heart then have no smallest loss: train with a floor under θ or α, early stopping and L2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace palate {

// Something that was shown, and what came of it.
struct ShownRow {
  uint16_t position = 0;    // from 0, less than kShownPositionsMax
  uint16_t response = 0;    // 0: none; kinds of responses from 1, less than kResponsesMax
  bool randomized = false;  // its page was drawn uniformly
};
inline constexpr size_t kShownPositionsMax = 1024;
inline constexpr size_t kResponsesMax = 64;

// --- What the old ranker chose: weights of production rows -------------------------------------

struct ResponseWeightOptions {
  // A position's rates are drawn towards those of all positions as if by so many rows more (the
  // mean of a Beta, with several responses a Dirichlet): production and randomized apart.
  double prior_rows = 10;
  double clip_quantile = 0.99;  // of the weights of production rows, in (0, 1]
};

// w(p, y) = P(y | p) in randomized rows / P(y | p) in production rows, y = 0 included: production
// rows so weighted have the responses of randomized ones at each position. This undoes what the old
// ranker knew and the new one does not see, as far as the position tells of it; it leaves
// examination as it is, and takes away what the new ranker sees, too (docs/bias.md).
struct ResponseWeights {
  size_t positions = 0, responses = 0;
  std::vector<double> weight;  // positions × responses; mean 1 over each position's production rows
  double clip = 0;             // no weight was above it, before the last normalization
  uint64_t rows = 0;           // of production
  double effective_rows = 0;   // (Σw)² / Σw² over them (Kish, "Survey Sampling", 1965)
  // 1 of randomized rows and of responses that were not there; deeper positions count as the last.
  [[nodiscard]] double of(const ShownRow& row) const;
};
// Errors: kInvalidArgument without randomized or without production rows, for rows or options that
// are out of range. A position that only one of both has gets what all positions say.
Result<ResponseWeights> response_weights(std::span<const ShownRow> rows,
                                         const ResponseWeightOptions& options = {});

// --- Who was looked at: examination by position --------------------------------------------------

struct PositionBiasOptions {
  double floor = 0.05;    // labels are never divided by less
  double prior_rows = 1;  // EM: a group's relevance is drawn towards that of all by so many rows
  int iterations_max = 2000;
};

// P(click | item, p) = θ_p · relevance(item), θ_0 = 1. A click is any response. A position without
// rows has the θ of the one before it, and deeper ones that of the last.
struct PositionBias {
  struct Position {
    double theta = 1, low = 1, high = 1;  // with the 95 % interval; of EM it is not known: NaN
    uint64_t rows = 0, clicks = 0;        // that it was estimated from
  };
  std::vector<Position> positions;
  double floor = 0;
  [[nodiscard]] double theta(size_t position) const;  // at least `floor`
  [[nodiscard]] double label(size_t position, double click) const {
    return click / theta(position);
  }
};
// From randomized rows alone: θ_p = CTR_p / CTR_0, its interval by the logarithm of a ratio of
// binomial shares (Katz et al., Biometrics 1978), half a click for none. Errors: kInvalidArgument
// without randomized rows or clicks at position 0, for rows or options that are out of range.
Result<PositionBias> position_bias_of_randomized(std::span<const ShownRow> rows,
                                                 const PositionBiasOptions& options = {});
// From all rows, without randomization: EM over examination and relevance (Wang et al., "Position
// bias estimation for unbiased learning to rank in personal search", WSDM 2018, section 4), the
// relevance of a row being its group's, `group[row]`: its item, say. Right as far as relevance
// within a group does not depend on the position: not where the ranker knew more than the group.
// Errors: kInvalidArgument where groups are not one a row, no group was shown both at position 0
// and, over others, at each position that has rows, or there is no click.
Result<PositionBias> position_bias_by_em(std::span<const ShownRow> rows,
                                         std::span<const uint32_t> group,
                                         const PositionBiasOptions& options = {});

// --- What was believed because of its place: trust -----------------------------------------------

struct TrustBiasOptions {
  double floor = 0.05;        // labels are never divided by an α below it
  double anchor_share = 0.3;  // of the positions, from the deepest: those without trust
};

// P(click | item, p) = α_p · relevance(item) + β_p (Vardasbi, Oosterhuis and de Rijke, "When
// inverse propensity scoring does not work", CIKM 2020, section 3): of what is looked at, some is
// clicked for its place and not for itself (Agarwal et al., "Addressing trust bias for unbiased
// learning-to-rank", WWW 2019).
struct TrustBias {
  struct Position {
    double alpha = 1, beta = 0;
    double alpha_error = 0;  // standard error of alpha / α_0 by its own rows; 0 of the first
    uint64_t rows = 0;
  };
  std::vector<Position> positions;
  double floor = 0;
  [[nodiscard]] double alpha(size_t position) const;  // at least `floor`; deeper: the last
  [[nodiscard]] double beta(size_t position) const;
  [[nodiscard]] double label(size_t position, double click) const {
    return (click - beta(position)) / alpha(position);
  }
};
// From randomized rows and `signal`, one a row: anything that tells of relevance and in which
// neither the row's position nor its click had a hand (an earlier click rate, a ranker's score);
// NaN: the row is left out. Positions were drawn, so clicks rise with the signal by α_p times the
// same at every position: α_p / α_0 is the ratio of slopes, made to fall with the position. Clicks
// alone say no more: relevance could be any a·r + b. Two conventions make it one: the deepest
// positions have no trust (Σβ = 0 over `anchor_share` of them), and what is relevant is clicked at
// position 0 (α_0 + β_0 = 1, as θ_0 = 1). β is cut at 0. Where they do not hold, labels are off by
// one affine function for all rows, which changes probabilities and no order. A position without
// rows is as the one before it. Errors: kInvalidArgument where signals are not one a row, where
// clicks at position 0 or at the deepest do not rise with the signal (by 3 standard errors), as
// without randomized rows, for rows or options that are out of range.
Result<TrustBias> trust_bias_of_randomized(std::span<const ShownRow> rows,
                                           std::span<const float> signal,
                                           const TrustBiasOptions& options = {});

}  // namespace palate
