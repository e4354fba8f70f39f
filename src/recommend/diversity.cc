#include "recommend/diversity.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace palate {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();
// A candidate whose conditional variance is below this is a copy of what was picked.
constexpr float kCopy = 1e-6F;

std::vector<float> from_0_to_1(std::span<const float> relevance) {
  std::vector<float> scaled(relevance.size());
  float low = std::numeric_limits<float>::infinity(), high = -low;
  for (const float score : relevance) {
    if (!std::isfinite(score)) continue;
    low = std::min(low, score);
    high = std::max(high, score);
  }
  for (size_t i = 0; i < scaled.size(); ++i) {
    const bool flat = !std::isfinite(relevance[i]) || high <= low;
    scaled[i] = flat ? (relevance[i] > high ? 1.0F : 0.0F) : (relevance[i] - low) / (high - low);
  }
  return scaled;
}

std::vector<uint32_t> by_relevance(std::span<const float> relevance) {
  std::vector<uint32_t> order(relevance.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, std::greater{}, [&](uint32_t i) {
    return std::isnan(relevance[i]) ? kNone : relevance[i];
  });
  return order;
}

// What a search compares: candidates with those that were picked. Beside its vector each candidate
// has some values of the search, so that one inner product with a pick says what both do.
class Comparison {
 public:
  Comparison(const Likeness& likeness, size_t values)
      : likeness_(likeness),
        dim_(likeness.dim() + padded(values)),
        rows_(std::make_unique_for_overwrite<float[]>(likeness.size() * dim_)),
        has_row_(likeness.size()) {}

  // Of candidate i; zeros at first.
  [[nodiscard]] std::span<float> values(uint32_t i) { return row(i).subspan(likeness_.dim()); }
  // Of each pick from the first-th on: how like candidate i is to it, less the inner product of
  // their values, as they were when it was picked.
  void to_picks(uint32_t i, size_t first, std::span<float> out) {
    if (out.empty()) return;
    const std::span own = row(i);
    if (dim_ > 0) {
      rows_dot(RowsView{picked_.data() + first * dim_, out.size(), dim_}, own.data(), out.data());
    } else {
      std::ranges::fill(out, 0.0F);
    }
    for (size_t o = 0; o < out.size(); ++o) out[o] += likeness_.in_common(i, picks_[first + o]);
  }
  void pick(uint32_t i) {
    const std::span own = row(i);
    const auto values = own.begin() + static_cast<ptrdiff_t>(likeness_.dim());
    picked_.insert(picked_.end(), own.begin(), values);
    std::transform(values, own.end(), std::back_inserter(picked_), std::negate{});
    picks_.push_back(i);
  }
  [[nodiscard]] size_t picks() const { return picks_.size(); }

 private:
  std::span<float> row(uint32_t i) {
    const std::span row(rows_.get() + i * dim_, dim_);
    if (has_row_[i] == 0) {
      has_row_[i] = 1;
      std::ranges::fill(row, 0.0F);
      likeness_.vector(i, row.first(likeness_.dim()));
    }
    return row;
  }

  const Likeness& likeness_;
  const size_t dim_;
  std::unique_ptr<float[]> rows_;  // only where has_row_
  std::vector<uint8_t> has_row_;
  std::vector<float> picked_;  // rows of the picks, their values negated
  std::vector<uint32_t> picks_;
};

// The greedy maximum of Σ θ r + (1 − θ) log det S: what a candidate adds is its variance given what
// was picked. Its values are a row of a Cholesky factor, brought up to date only when it is asked
// for.
class Dpp {
 public:
  Dpp(const Likeness& likeness, size_t count)
      : comparison_(likeness, count),
        rows_(likeness.size()),
        stride_(padded(count)),
        columns_(count * stride_),
        left_(stride_) {}
  // Never grows from pick to pick.
  float gain(uint32_t i) {
    const float variance = bring_up(i).variance;
    return variance > kCopy ? std::log(variance) : kNone;
  }
  void pick(uint32_t chosen) {
    const float variance = bring_up(chosen).variance;
    if (!(variance > kCopy)) return;  // what was picked says all that it could
    const size_t number = comparison_.picks();
    const std::span values = comparison_.values(chosen);
    for (size_t v = 0; v < number; ++v) columns_[v * stride_ + number] = values[v];
    comparison_.pick(chosen);
    scales_.push_back(1.0F / std::sqrt(variance));
  }

 private:
  struct Row {
    uint32_t known = 0;  // picks that its values are of
    float variance = 1;
  };
  // Forward substitution: by all values that were known at once, and then by one after the other.
  const Row& bring_up(uint32_t i) {
    Row& row = rows_[i];
    const size_t first = row.known, picks = comparison_.picks();
    const std::span own = comparison_.values(i);
    comparison_.to_picks(i, first, std::span(left_).subspan(first, picks - first));
    for (size_t p = first; p < picks; ++p) {
      const float value = left_[p] * scales_[p];
      own[p] = value;
      row.variance -= value * value;
      const size_t begin = (p + 1) / kLanes * kLanes;  // also of some that are done with
      if (p + 1 == picks) break;
      axpy(-value, columns_.data() + p * stride_ + begin, left_.data() + begin,
           padded(picks) - begin);
    }
    row.known = static_cast<uint32_t>(picks);
    return row;
  }

  Comparison comparison_;
  std::vector<Row> rows_;
  const size_t stride_;
  std::vector<float> columns_;  // [v * stride_ + p]: value v of pick p
  std::vector<float> left_;     // by pick: likeness that the values so far do not say
  std::vector<float> scales_;   // one over each pick's standard deviation, given those before
};

// What a candidate adds is the less, the more it is like the one of the picked that it is most
// like.
class Mmr {
 public:
  Mmr(const Likeness& likeness, size_t /*count*/)
      : comparison_(likeness, 0), rows_(likeness.size()) {}
  float gain(uint32_t i) {
    Row& row = rows_[i];
    like_.resize(comparison_.picks() - row.known);
    comparison_.to_picks(i, row.known, like_);
    for (const float like : like_) row.nearest = std::max(row.nearest, like);
    row.known = static_cast<uint32_t>(comparison_.picks());
    return -row.nearest;
  }
  void pick(uint32_t chosen) { comparison_.pick(chosen); }

 private:
  struct Row {
    uint32_t known = 0;  // picks that it was compared with
    float nearest = 0;
  };
  Comparison comparison_;
  std::vector<Row> rows_;
  std::vector<float> like_;
};

// What picking each candidate is worth at most.
class Bounds {
 public:
  struct Bound {
    float worth;
    uint32_t candidate;
    size_t picks;  // how many there were when this was said
  };
  explicit Bounds(std::vector<Bound> first) : first_(std::move(first)) {
    const auto better = [](const Bound& a, const Bound& b) { return less(b, a); };
    if (!std::ranges::is_sorted(first_, better)) std::ranges::sort(first_, better);
  }
  [[nodiscard]] bool empty() const { return at_ == first_.size() && again_.empty(); }
  // The greatest, ties by number; it is taken out.
  Bound take() {
    const bool from_first =
        again_.empty() || (at_ < first_.size() && less(again_.front(), first_[at_]));
    if (from_first) return first_[at_++];
    std::pop_heap(again_.begin(), again_.end(), less);
    const Bound top = again_.back();
    again_.pop_back();
    return top;
  }
  void add(const Bound& bound) {
    again_.push_back(bound);
    std::push_heap(again_.begin(), again_.end(), less);
  }

 private:
  static bool less(const Bound& a, const Bound& b) {
    return a.worth != b.worth ? a.worth < b.worth : a.candidate > b.candidate;
  }
  std::vector<Bound> first_;
  size_t at_ = 0;
  std::vector<Bound> again_;  // a heap: small, because few candidates are ever asked
};

// Picks greedily what relevance and variety together like best; ends early where all that is left
// are copies. What a candidate adds is asked only while it may be the best by what it added when it
// was last asked: at least what it adds now. `plain`: the candidates by relevance.
template <class Variety>
std::vector<uint32_t> picked(std::span<const float> relevance, std::span<const uint32_t> plain,
                             const Likeness& likeness, const DiversityOptions& options) {
  constexpr size_t kNever = std::numeric_limits<size_t>::max();
  Variety variety(likeness, options.count + options.given.size());
  const auto strength = static_cast<float>(options.strength);
  const auto worth = [&](uint32_t i, float gain) {
    return (1 - strength) * relevance[i] + strength * gain;
  };
  std::vector<bool> given(relevance.size());
  for (const uint32_t i : options.given) {
    given[i] = true;
    variety.pick(i);
  }
  std::vector<Bounds::Bound> first;
  first.reserve(plain.size());
  for (const uint32_t i : plain) {
    if (!given[i]) first.push_back({worth(i, 0), i, kNever});
  }
  Bounds bounds(std::move(first));
  std::vector<uint32_t> order;
  while (order.size() < options.count && !bounds.empty()) {
    const auto top = bounds.take();
    if (top.picks == order.size()) {
      order.push_back(top.candidate);
      if (order.size() < options.count) variety.pick(top.candidate);
    } else if (const float gain = variety.gain(top.candidate); gain > kNone) {
      bounds.add({worth(top.candidate, gain), top.candidate, order.size()});
    }  // else it is a copy, and stays one
  }
  return order;
}

size_t dim_of(const RowsView& vectors, size_t candidates) {
  PALATE_CHECK(vectors.dim == 0 || vectors.count == candidates, "a row a candidate");
  return vectors.dim;
}

}  // namespace

Result<Diversifier> diversifier(std::string_view name) {
  if (name == "dpp") return Diversifier::kDpp;
  if (name == "mmr") return Diversifier::kMmr;
  return fail(Code::kInvalidArgument, "there is no diversifier '{}'; there are dpp and mmr", name);
}

Likeness::Likeness(size_t dim, VectorOf vector_of, std::vector<ItemTraits> traits)
    : traits_(std::move(traits)), vector_of_(std::move(vector_of)), own_dim_(dim) {
  bool by_category = false;
  for (const ItemTraits& item : traits_) {
    uint64_t marks = 0;
    for (const uint32_t category : item.categories) marks |= uint64_t{1} << category % 64;
    marks_.push_back(marks);
    by_category |= marks != 0;
  }
  share_ = dim > 0 && by_category ? 0.5F : 1.0F;
}

Likeness::Likeness(const RowsView& vectors, std::span<const ItemTraits> traits)
    : Likeness(dim_of(vectors, traits.size()),
               [vectors](size_t i, std::span<float> vector) {
                 std::copy_n(vectors.row(i), vectors.dim, vector.begin());
               },
               {traits.begin(), traits.end()}) {}

void Likeness::vector(size_t i, std::span<float> out) const {
  std::ranges::fill(out, 0.0F);
  if (own_dim_ > 0) vector_of_(i, out.first(own_dim_));
  const float norm = std::sqrt(dot(out.data(), out.data(), out.size()));
  if (!(norm > 0)) return;
  const float scale = std::sqrt(share_) / norm;
  for (float& value : out) value *= scale;
}

float Likeness::in_common(size_t i, size_t j) const {
  if ((marks_[i] & marks_[j]) == 0) return 0;
  const std::span a = traits_[i].categories, b = traits_[j].categories;
  size_t both = 0;
  for (size_t at = 0, other = 0; at < a.size() && other < b.size();) {
    const uint32_t one = a[at], another = b[other];
    both += one == another ? 1 : 0;
    at += one <= another ? 1 : 0;
    other += another <= one ? 1 : 0;
  }
  return share_ * static_cast<float>(both) / static_cast<float>(a.size() + b.size() - both);
}

std::vector<uint32_t> diversified(std::span<const float> relevance, const Likeness& likeness,
                                  const DiversityOptions& options) {
  PALATE_CHECK(relevance.size() == likeness.size(), "a score a candidate");
  const std::vector<uint32_t> plain = by_relevance(relevance);
  DiversityOptions some = options;
  some.count = std::min(options.count, relevance.size() - options.given.size());
  some.strength = std::clamp(options.strength, 0.0, 1.0);
  std::vector<uint32_t> order;
  if (some.strength > 0) {
    const std::vector<float> scaled = from_0_to_1(relevance);
    order = some.by == Diversifier::kDpp ? picked<Dpp>(scaled, plain, likeness, some)
                                         : picked<Mmr>(scaled, plain, likeness, some);
  }
  std::vector<bool> taken(relevance.size());
  for (const uint32_t i : order) taken[i] = true;
  for (const uint32_t i : options.given) taken[i] = true;
  for (const uint32_t i : plain) {
    if (!taken[i]) order.push_back(i);
  }
  return order;
}

}  // namespace palate
