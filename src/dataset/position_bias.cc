#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "dataset/exposure_bias.h"
#include "dataset/shown_rows.h"

namespace palate {
namespace {

constexpr double kNormal95 = 1.959964;

Status check(const PositionBiasOptions& options) {
  if (options.floor > 0 && options.floor <= 1 && options.prior_rows >= 0 &&
      options.iterations_max > 0) {
    return {};
  }
  return fail(Code::kInvalidArgument,
              "position bias takes a floor in (0, 1], prior_rows of 0 or more and iterations_max "
              "above 0, not {}, {} and {}",
              options.floor, options.prior_rows, options.iterations_max);
}

Result<std::vector<PositionBias::Position>> count(std::span<const ShownRow> rows,
                                                  bool randomized_only) {
  std::vector<PositionBias::Position> positions(TRY(range_of(rows)).positions);
  for (const ShownRow& row : rows) {
    if (randomized_only && !row.randomized) continue;
    ++positions[row.position].rows;
    positions[row.position].clicks += row.response != 0 ? 1 : 0;
  }
  if (positions.empty() || positions.front().rows == 0 || positions.front().clicks == 0) {
    return fail(Code::kInvalidArgument,
                "position bias is relative to position 0, which has {} {}rows with {} clicks",
                positions.empty() ? 0 : positions.front().rows,
                randomized_only ? "randomized " : "",
                positions.empty() ? 0 : positions.front().clicks);
  }
  return positions;
}

void fill_gaps(std::vector<PositionBias::Position>& positions) {
  for (size_t p = 1; p < positions.size(); ++p) {
    if (positions[p].rows > 0) continue;
    positions[p].theta = positions[p - 1].theta;
    positions[p].low = positions[p - 1].low;
    positions[p].high = positions[p - 1].high;
  }
}

// Of the ratio to `first`, on the scale of logarithms.
void set_ratio(PositionBias::Position& at, const PositionBias::Position& first) {
  const auto n = static_cast<double>(at.rows), n0 = static_cast<double>(first.rows);
  const auto clicks = static_cast<double>(at.clicks), clicks0 = static_cast<double>(first.clicks);
  at.theta = (clicks / n) / (clicks0 / n0);
  const double counted = std::max(clicks, 0.5);
  const double error = std::sqrt(std::max(0.0, 1 / counted - 1 / n + 1 / clicks0 - 1 / n0));
  const double middle = (counted / n) / (clicks0 / n0);
  at.low = clicks > 0 ? middle * std::exp(-kNormal95 * error) : 0;
  at.high = middle * std::exp(kNormal95 * error);
}

// The rows of one group at one position.
struct Cell {
  uint32_t group = 0;  // dense
  uint32_t position = 0;
  double rows = 0, clicks = 0;
};

struct Cells {
  std::vector<Cell> cells;
  size_t groups = 0;
};

Cells cells_of(std::span<const ShownRow> rows, std::span<const uint32_t> group) {
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return std::pair(group[i], rows[i].position); });
  Cells out;
  uint32_t last = 0;
  for (const size_t i : order) {
    if (out.groups == 0 || group[i] != last) ++out.groups;
    last = group[i];
    const auto dense = static_cast<uint32_t>(out.groups - 1);
    if (out.cells.empty() || out.cells.back().group != dense ||
        out.cells.back().position != rows[i].position) {
      out.cells.push_back({.group = dense, .position = rows[i].position});
    }
    out.cells.back().rows += 1;
    out.cells.back().clicks += rows[i].response != 0 ? 1 : 0;
  }
  return out;
}

// A position that no chain of groups leads to from position 0; none: 0.
size_t apart_of(const Cells& cells, size_t positions) {
  std::vector<size_t> parent(positions);
  std::iota(parent.begin(), parent.end(), size_t{0});
  const auto root = [&](size_t p) {
    while (parent[p] != p) p = parent[p] = parent[parent[p]];
    return p;
  };
  for (size_t i = 1; i < cells.cells.size(); ++i) {
    const Cell &one = cells.cells[i - 1], &two = cells.cells[i];
    if (one.group == two.group) parent[root(one.position)] = root(two.position);
  }
  for (const Cell& cell : cells.cells) {
    if (root(cell.position) != root(0)) return cell.position;
  }
  return 0;
}

// Examination of positions and relevance of groups.
class Examination {
 public:
  Examination(const Cells& cells, size_t positions, double prior_rows)
      : cells_(cells), prior_rows_(prior_rows), theta_(positions, 0.5), gamma_(cells.groups, 0.5) {
    // Where EM begins: the products of margins that fit best (a step of each in turn). It ends at
    // the same place from anywhere, but creeps where clicks are few.
    for (int round = 0; round < 50; ++round) {
      scale(gamma_, theta_, &Cell::group, &Cell::position);
      scale(theta_, gamma_, &Cell::position, &Cell::group);
    }
    const double most = *std::ranges::max_element(theta_);
    for (double& each : theta_) each = std::clamp(0.95 * each / most, 1e-6, 0.999);
    for (double& each : gamma_) each = std::clamp(each * most / 0.95, 1e-6, 0.999);
  }

  // One round; how far a θ has moved, relative to that of position 0.
  double step() {
    std::vector<double> looked(theta_.size()), shown(theta_.size()), liked(gamma_.size()),
        had(gamma_.size());
    double mean = 0, all = 0;
    for (const Cell& cell : cells_.cells) {
      const double theta = theta_[cell.position], gamma = gamma_[cell.group];
      const double left = cell.rows - cell.clicks, neither = 1 - theta * gamma;
      looked[cell.position] += cell.clicks + left * theta * (1 - gamma) / neither;
      shown[cell.position] += cell.rows;
      const double relevant = cell.clicks + left * gamma * (1 - theta) / neither;
      liked[cell.group] += relevant;
      had[cell.group] += cell.rows;
      mean += relevant;
      all += cell.rows;
    }
    const std::vector<double> before = theta_;
    for (size_t p = 0; p < theta_.size(); ++p) {
      if (shown[p] > 0) theta_[p] = std::clamp(looked[p] / shown[p], 1e-9, 1 - 1e-9);
    }
    for (size_t g = 0; g < gamma_.size(); ++g) {
      const double gamma = (liked[g] + prior_rows_ * mean / all) / (had[g] + prior_rows_);
      gamma_[g] = std::clamp(gamma, 1e-9, 1 - 1e-9);
    }
    double moved = 0;
    for (size_t p = 0; p < theta_.size(); ++p) {
      moved = std::max(moved, std::abs(theta_[p] / theta_[0] - before[p] / before[0]));
    }
    return moved;
  }
  [[nodiscard]] double relative(size_t position) const { return theta_[position] / theta_[0]; }

 private:
  void scale(std::vector<double>& of, const std::vector<double>& other, uint32_t Cell::* mine,
             uint32_t Cell::* its) const {
    std::vector<double> clicks(of.size()), expected(of.size());
    for (const Cell& cell : cells_.cells) {
      clicks[cell.*mine] += cell.clicks;
      expected[cell.*mine] += cell.rows * other[cell.*its];
    }
    for (size_t i = 0; i < of.size(); ++i) {
      if (expected[i] > 0) of[i] = clicks[i] / expected[i];
    }
  }

  const Cells& cells_;
  double prior_rows_;
  std::vector<double> theta_, gamma_;
};

}  // namespace

double PositionBias::theta(size_t position) const {
  if (positions.empty()) return 1;
  return std::max(floor, positions[std::min(position, positions.size() - 1)].theta);
}

Result<PositionBias> position_bias_of_randomized(std::span<const ShownRow> rows,
                                                 const PositionBiasOptions& options) {
  TRY(check(options));
  PositionBias out{.positions = TRY(count(rows, /*randomized_only=*/true)), .floor = options.floor};
  for (size_t p = 1; p < out.positions.size(); ++p) {
    if (out.positions[p].rows > 0) set_ratio(out.positions[p], out.positions.front());
  }
  fill_gaps(out.positions);
  return out;
}

Result<PositionBias> position_bias_by_em(std::span<const ShownRow> rows,
                                         std::span<const uint32_t> group,
                                         const PositionBiasOptions& options) {
  TRY(check(options));
  if (rows.size() != group.size()) {
    return fail(Code::kInvalidArgument, "{} rows have {} groups: one each is needed", rows.size(),
                group.size());
  }
  PositionBias out{.positions = TRY(count(rows, /*randomized_only=*/false)),
                   .floor = options.floor};
  const Cells cells = cells_of(rows, group);
  if (const size_t apart = apart_of(cells, out.positions.size()); apart != 0) {
    return fail(Code::kInvalidArgument,
                "position {} shares no group with position 0, not even over others: what is looked "
                "at less there and what is liked less cannot be told apart. Use coarser groups, or "
                "randomized rows",
                apart);
  }
  constexpr double kSettled = 1e-7, kUnknown = std::numeric_limits<double>::quiet_NaN();
  Examination examination(cells, out.positions.size(), options.prior_rows);
  for (int i = 0; i < options.iterations_max && examination.step() > kSettled; ++i) {
  }
  for (size_t p = 1; p < out.positions.size(); ++p) {
    out.positions[p].theta = examination.relative(p);
    out.positions[p].low = out.positions[p].high = kUnknown;
  }
  fill_gaps(out.positions);
  return out;
}

}  // namespace palate
