#include <algorithm>
#include <cmath>

#include "dataset/exposure_bias.h"
#include "dataset/shown_rows.h"

namespace palate {
namespace {

constexpr double kLeastRise = 3;  // standard errors

// Clicks of one position against the signal: the line of least squares.
struct Line {
  double n = 0, x = 0, xx = 0, y = 0, xy = 0;
  void add(double signal, double click) {
    n += 1;
    x += signal;
    xx += signal * signal;
    y += click;
    xy += signal * click;
  }
  [[nodiscard]] double mean() const { return n > 0 ? y / n : 0; }
  [[nodiscard]] double spread() const { return n > 0 ? std::max(0.0, xx - x * x / n) : 0; }
  [[nodiscard]] double slope() const { return spread() > 0 ? (xy - x * y / n) / spread() : 0; }
  [[nodiscard]] double error() const {
    const double rest = std::max(0.0, mean() * (1 - mean()) * n - slope() * slope() * spread());
    return n > 2 && spread() > 0 ? std::sqrt(rest / (n - 2) / spread()) : INFINITY;
  }
  void operator+=(const Line& other) {
    n += other.n;
    x += other.x;
    xx += other.xx;
    y += other.y;
    xy += other.xy;
  }
};

Result<std::vector<Line>> lines_of(std::span<const ShownRow> rows, std::span<const float> signal) {
  std::vector<Line> lines(TRY(range_of(rows)).positions);
  double sum = 0, n = 0;
  for (const float each : signal) {
    if (!std::isfinite(each)) continue;
    sum += static_cast<double>(each);
    n += 1;
  }
  const double middle = n > 0 ? sum / n : 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].randomized || !std::isfinite(signal[i])) continue;
    lines[rows[i].position].add(static_cast<double>(signal[i]) - middle,
                                rows[i].response != 0 ? 1 : 0);
  }
  return lines;
}

Status check(std::span<const ShownRow> rows, std::span<const float> signal,
             const TrustBiasOptions& options) {
  if (rows.size() != signal.size()) {
    return fail(Code::kInvalidArgument, "{} rows have {} signals: one each is needed", rows.size(),
                signal.size());
  }
  if (!(options.floor > 0 && options.floor <= 1) ||
      !(options.anchor_share > 0 && options.anchor_share < 1)) {
    return fail(Code::kInvalidArgument,
                "trust bias takes a floor in (0, 1] and an anchor_share in (0, 1), not {} and {}",
                options.floor, options.anchor_share);
  }
  return {};
}

// The falling sequence nearest to the slopes by least squares, each weighing as its error says
// (pool adjacent violators: Ayer et al., Annals of Mathematical Statistics 1955).
std::vector<double> falling_slopes(const std::vector<Line>& lines) {
  struct Pool {
    double mean = 0, weight = 0;
    size_t lines = 0;
  };
  std::vector<Pool> pools;
  for (const Line& line : lines) {
    const double weight = std::isfinite(line.error()) ? 1 / std::pow(line.error() + 1e-9, 2) : 0;
    pools.push_back({line.slope(), weight, 1});
    while (pools.size() > 1) {
      const Pool last = pools.back();
      Pool& before = pools[pools.size() - 2];
      if (last.weight > 0 && last.mean <= before.mean) break;
      const double both = before.weight + last.weight;
      if (both > 0) before.mean = (before.mean * before.weight + last.mean * last.weight) / both;
      before.weight = both;
      before.lines += last.lines;
      pools.pop_back();
    }
  }
  std::vector<double> slopes;
  for (const Pool& pool : pools) slopes.insert(slopes.end(), pool.lines, std::max(0.0, pool.mean));
  return slopes;
}

Status check_rise(const Line& line, const char* where) {
  if (line.slope() >= kLeastRise * line.error() && line.slope() > 0) return {};
  return fail(Code::kInvalidArgument,
              "trust bias needs clicks that rise with the signal: {} {:.0f} randomized rows have a "
              "slope of {:.4g} with a standard error of {:.4g}",
              where, line.n, line.slope(), line.error());
}

}  // namespace

double TrustBias::alpha(size_t position) const {
  if (positions.empty()) return 1;
  return std::max(floor, positions[std::min(position, positions.size() - 1)].alpha);
}
double TrustBias::beta(size_t position) const {
  return positions.empty() ? 0 : positions[std::min(position, positions.size() - 1)].beta;
}

Result<TrustBias> trust_bias_of_randomized(std::span<const ShownRow> rows,
                                           std::span<const float> signal,
                                           const TrustBiasOptions& options) {
  TRY(check(rows, signal, options));
  const std::vector<Line> lines = TRY(lines_of(rows, signal));
  const auto anchors =
      static_cast<size_t>(std::ceil(options.anchor_share * static_cast<double>(lines.size())));
  if (lines.size() < 2 || anchors >= lines.size()) {
    return fail(Code::kInvalidArgument, "trust bias compares positions: there are {}",
                lines.size());
  }
  TRY(check_rise(lines.front(), "at position 0,"));
  const std::vector<double> slopes = falling_slopes(lines);
  const double first = slopes.front();
  Line deepest;
  double clicks = 0, rises = 0;
  for (size_t p = lines.size() - anchors; p < lines.size(); ++p) {
    deepest += lines[p];
    clicks += lines[p].y;
    rises += lines[p].n * slopes[p] / first;
  }
  TRY(check_rise(deepest, "at the deepest positions,"));
  // What clicks of position 0 would be without trust: α_0 · mean relevance.
  const double honest = clicks / rises;
  const double beta0 = std::clamp(lines.front().mean() - honest, 0.0, 1 - options.floor);
  TrustBias out{.positions = std::vector<TrustBias::Position>(lines.size()),
                .floor = options.floor};
  for (size_t p = 0; p < lines.size(); ++p) {
    TrustBias::Position& at = out.positions[p];
    at.alpha = (1 - beta0) * slopes[p] / first;
    at.rows = static_cast<uint64_t>(lines[p].n);
    at.beta =
        lines[p].n > 0 ? lines[p].mean() - slopes[p] / first * honest : out.positions[p - 1].beta;
    at.beta = std::clamp(at.beta, 0.0, 1.0);
    if (p > 0) {
      at.alpha_error = std::hypot(lines[p].error(), slopes[p] / first * lines[0].error()) / first;
    }
  }
  return out;
}

}  // namespace palate
