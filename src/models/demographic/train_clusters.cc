#include <algorithm>
#include <utility>

#include "math/philox.h"
#include "math/rows.h"
#include "models/demographic/train.h"

namespace palate {
namespace {

constexpr int kRoundsMax = 50;

class Clusters {
 public:
  explicit Clusters(const TraitUsers& users) : users_(users), dim_(padded(users.traits)) {}

  // k-means++: each further centre is a row, drawn by its squared distance to the nearest one.
  void seed(size_t most, uint64_t seed) {
    Philox random(seed, uint64_t{0xdea} << 40);
    std::vector<double> nearest(users_.rows.size(), 1.0);
    while (squares_.size() < most) {
      double all = 0;
      for (const double distance : nearest) all += distance;
      if (!(all > 1e-9)) break;
      double at = random.uniform() * all;
      size_t row = 0;
      while (row + 1 < nearest.size() && (at -= nearest[row]) > 0) ++row;
      if (!(nearest[row] > 0)) {
        row = static_cast<size_t>(std::ranges::max_element(nearest) - nearest.begin());
      }
      add_centre(users_.rows[row]);
      for (size_t i = 0; i < nearest.size(); ++i) {
        const double now = std::max(0.0, distance(users_.rows[i], squares_.size() - 1));
        nearest[i] = squares_.size() == 1 ? now : std::min(nearest[i], now);
      }
    }
  }

  // Every row to its nearest centre; false where none moved.
  bool assign() {
    bool moved = of_.empty();
    of_.resize(users_.rows.size(), 0);
    for (size_t i = 0; i < users_.rows.size(); ++i) {
      uint32_t best = 0;
      double least = distance(users_.rows[i], 0);
      for (uint32_t cluster = 1; cluster < squares_.size(); ++cluster) {
        const double now = distance(users_.rows[i], cluster);
        if (now < least) best = cluster, least = now;
      }
      moved |= of_[i] != best;
      of_[i] = best;
    }
    return moved;
  }

  // Every centre to the mean of its rows; one without any stays.
  void centre() {
    std::vector<uint32_t> count(squares_.size(), 0);
    for (const uint32_t cluster : of_) ++count[cluster];
    for (size_t cluster = 0; cluster < count.size(); ++cluster) {
      if (count[cluster] > 0) std::fill_n(centres_.data() + cluster * dim_, dim_, 0.0F);
    }
    for (size_t i = 0; i < of_.size(); ++i) {
      for (const uint32_t trait : users_.rows[i]) {
        centres_[of_[i] * dim_ + trait] += 1 / static_cast<float>(count[of_[i]]);
      }
    }
    for (size_t cluster = 0; cluster < count.size(); ++cluster) {
      const float* row = centres_.data() + cluster * dim_;
      squares_[cluster] = dot(row, row, dim_);
    }
  }

  // Of the clusters with fewer rows the smallest goes; false where there is none, or no other.
  bool drop_smallest(size_t users_min) {
    std::vector<size_t> count(squares_.size(), 0);
    for (const uint32_t cluster : of_) ++count[cluster];
    const auto least = std::ranges::min_element(count);
    if (count.size() < 2 || *least >= users_min) return false;
    const auto cluster = least - count.begin();
    squares_.erase(squares_.begin() + cluster);
    const auto first = centres_.begin() + cluster * static_cast<ptrdiff_t>(dim_);
    centres_.erase(first, first + static_cast<ptrdiff_t>(dim_));
    return true;
  }

  TraitClusters take() && { return {std::move(of_), std::move(centres_)}; }

 private:
  void add_centre(const std::vector<uint32_t>& row) {
    const size_t first = centres_.size();
    centres_.resize(first + dim_, 0.0F);
    for (const uint32_t trait : row) centres_[first + trait] = 1;
    squares_.push_back(static_cast<double>(row.size()));
  }
  [[nodiscard]] double distance(const std::vector<uint32_t>& row, size_t cluster) const {
    double out = static_cast<double>(row.size()) + squares_[cluster];
    for (const uint32_t trait : row) out -= 2 * double{centres_[cluster * dim_ + trait]};
    return out;
  }

  const TraitUsers& users_;
  size_t dim_;
  FloatTable centres_;
  std::vector<double> squares_;  // of the centres' lengths
  std::vector<uint32_t> of_;
};

}  // namespace

TraitClusters cluster_traits(const TraitUsers& users, const TraitClusterOptions& options) {
  Clusters out(users);
  out.seed(options.clusters, options.seed);
  for (int round = 0; round < kRoundsMax && out.assign(); ++round) out.centre();
  while (out.drop_smallest(options.users_min)) {
    out.assign();
    out.centre();
  }
  return std::move(out).take();
}

}  // namespace palate
