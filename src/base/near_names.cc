#include "base/near_names.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include <fmt/format.h>

namespace palate {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string did_you_mean(std::string_view name, std::span<const std::string> known) {
  constexpr size_t kLengthMax = 200;  // the distance is quadratic
  if (name.size() > kLengthMax) return "";
  std::string_view best;
  size_t best_distance = name.size() / 3 + 1;
  for (const std::string& candidate : known) {
    if (candidate.size() > kLengthMax) continue;
    const size_t distance = edit_distance(name, candidate);
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = candidate;
  }
  return best.empty() ? "" : fmt::format("; did you mean '{}'?", best);
}

}  // namespace palate
