#include <algorithm>
#include <numeric>

#include "dataset/exposure_bias.h"
#include "dataset/shown_rows.h"

namespace palate {
namespace {

struct Counts {
  size_t responses;
  std::vector<double> cell;  // positions × responses
  Counts(size_t positions, size_t responses_)
      : responses(responses_), cell(positions * responses_) {}
  void add(const ShownRow& row) { cell[row.position * responses + row.response] += 1; }
  [[nodiscard]] double rows(size_t position) const {
    const auto first = cell.begin() + static_cast<ptrdiff_t>(position * responses);
    return std::accumulate(first, first + static_cast<ptrdiff_t>(responses), 0.0);
  }
};

// P(y | p), smoothed: what all positions say counts as `prior_rows` rows of each.
std::vector<double> rates_of(const Counts& counts, double prior_rows) {
  std::vector<double> overall(counts.responses);
  double all = 0;
  for (size_t i = 0; i < counts.cell.size(); ++i) {
    overall[i % counts.responses] += counts.cell[i];
    all += counts.cell[i];
  }
  const auto kinds = static_cast<double>(counts.responses);
  std::vector<double> rates(counts.cell.size());
  for (size_t i = 0; i < rates.size(); ++i) {
    // Half a row for each kind (Jeffreys), so that none is impossible.
    const double prior = (overall[i % counts.responses] + 0.5) / (all + 0.5 * kinds);
    const double rows = counts.rows(i / counts.responses);
    const double strength = std::max(prior_rows, 1e-9);
    rates[i] = (counts.cell[i] + strength * prior) / (rows + strength);
  }
  return rates;
}

// To mean 1 over the production rows of each position.
void normalize(std::vector<double>& weight, const Counts& production, size_t positions) {
  for (size_t p = 0; p < positions; ++p) {
    const size_t first = p * production.responses;
    double sum = 0;
    for (size_t y = 0; y < production.responses; ++y) {
      sum += production.cell[first + y] * weight[first + y];
    }
    if (sum <= 0) continue;
    for (size_t y = 0; y < production.responses; ++y) {
      weight[first + y] *= production.rows(p) / sum;
    }
  }
}

// The smallest weight that at least `share` of production rows do not exceed.
double quantile_of(const std::vector<double>& weight, const Counts& production, double share) {
  std::vector<size_t> order(weight.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return weight[i]; });
  const double all = std::accumulate(production.cell.begin(), production.cell.end(), 0.0);
  double rows = 0, last = 0;
  for (const size_t i : order) {
    if (production.cell[i] == 0) continue;
    rows += production.cell[i];
    last = weight[i];
    if (rows >= share * all) break;
  }
  return last;
}

}  // namespace

double ResponseWeights::of(const ShownRow& row) const {
  if (row.randomized || row.response >= responses || positions == 0) return 1;
  const size_t position = std::min<size_t>(row.position, positions - 1);
  return weight[position * responses + row.response];
}

Result<ResponseWeights> response_weights(std::span<const ShownRow> rows,
                                         const ResponseWeightOptions& options) {
  if (options.prior_rows < 0 || !(options.clip_quantile > 0 && options.clip_quantile <= 1)) {
    return fail(Code::kInvalidArgument,
                "weights of responses take prior_rows of 0 or more and a clip_quantile in (0, 1], "
                "not {} and {}",
                options.prior_rows, options.clip_quantile);
  }
  const ShownRange range = TRY(range_of(rows));
  Counts production(range.positions, range.responses), randomized = production;
  uint64_t drawn = 0;
  for (const ShownRow& row : rows) {
    (row.randomized ? randomized : production).add(row);
    drawn += row.randomized ? 1 : 0;
  }
  ResponseWeights out{.positions = range.positions, .responses = range.responses, .weight = {}};
  out.rows = rows.size() - drawn;
  if (drawn == 0 || out.rows == 0) {
    return fail(Code::kInvalidArgument,
                "weights of responses compare randomized rows with production rows: there are {} "
                "and {}",
                drawn, out.rows);
  }
  out.weight = rates_of(randomized, options.prior_rows);
  const auto under = rates_of(production, options.prior_rows);
  for (size_t i = 0; i < under.size(); ++i) out.weight[i] /= under[i];
  normalize(out.weight, production, range.positions);
  out.clip = quantile_of(out.weight, production, options.clip_quantile);
  for (double& each : out.weight) each = std::min(each, out.clip);
  normalize(out.weight, production, range.positions);
  double sum = 0, squares = 0;
  for (size_t i = 0; i < under.size(); ++i) {
    sum += production.cell[i] * out.weight[i];
    squares += production.cell[i] * out.weight[i] * out.weight[i];
  }
  out.effective_rows = sum * sum / squares;
  return out;
}

}  // namespace palate
