#include "recommend/diversity.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>

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

// The greedy maximum of Σ θ r + (1 − θ) log det S: what a candidate adds is its variance given what
// was picked, kept up by one column of a Cholesky factor a pick.
class Dpp {
 public:
  Dpp(const Likeness& likeness, size_t count)
      : likeness_(likeness), n_(likeness.size()), stride_(padded(n_)), variance_(n_, 1.0F) {
    row_.resize(stride_);
    columns_.reserve(count * stride_);
  }
  // Never grows from pick to pick.
  [[nodiscard]] float gain(size_t i) const {
    return variance_[i] > kCopy ? std::log(variance_[i]) : kNone;
  }
  void pick(size_t chosen) {
    if (!(variance_[chosen] > kCopy)) return;  // what was picked says all that it could
    likeness_.row(chosen, std::span(row_).first(n_));
    const size_t picks = columns_.size() / stride_;
    std::vector<float> of_chosen;
    for (size_t p = 0; p < picks; ++p) of_chosen.push_back(-columns_[p * stride_ + chosen]);
    rows_add({{columns_.data(), picks, stride_}, numbers_, 0, true}, of_chosen.data(), row_.data());
    numbers_.push_back(static_cast<uint32_t>(picks));
    const float scale = 1.0F / std::sqrt(variance_[chosen]);
    for (size_t i = 0; i < n_; ++i) {
      row_[i] *= scale;
      variance_[i] -= row_[i] * row_[i];
    }
    columns_.insert(columns_.end(), row_.begin(), row_.end());
  }

 private:
  const Likeness& likeness_;
  const size_t n_, stride_;
  std::vector<float> variance_;
  std::vector<float> columns_;     // a row of stride_ a pick
  std::vector<uint32_t> numbers_;  // of the picks: 0, 1, …
  std::vector<float> row_;         // zeros behind n_
};

// What a candidate adds is the less, the more it is like the one of the picked that it is most
// like.
class Mmr {
 public:
  Mmr(const Likeness& likeness, size_t /*count*/)
      : likeness_(likeness), nearest_(likeness.size()), row_(likeness.size()) {}
  [[nodiscard]] float gain(size_t i) const { return -nearest_[i]; }
  void pick(size_t chosen) {
    likeness_.row(chosen, row_);
    for (size_t i = 0; i < nearest_.size(); ++i) nearest_[i] = std::max(nearest_[i], row_[i]);
  }

 private:
  const Likeness& likeness_;
  std::vector<float> nearest_;
  std::vector<float> row_;
};

// The greatest of each value and those behind it.
std::vector<float> greatest_from(std::span<const float> values) {
  std::vector<float> greatest(values.begin(), values.end());
  for (size_t i = greatest.size(); i-- > 1;) {
    greatest[i - 1] = std::max(greatest[i - 1], greatest[i]);
  }
  return greatest;
}

// Picks greedily what relevance and variety together like best; ends early where all that is left
// are copies.
template <class Variety>
std::vector<uint32_t> picked(std::span<const float> relevance, const Likeness& likeness,
                             const DiversityOptions& options) {
  Variety variety(likeness, options.count + options.given.size());
  const auto strength = static_cast<float>(options.strength);
  const auto with = [&](float relevant, float gain) {
    return (1 - strength) * relevant + strength * gain;
  };
  // What each added when it was last asked: at least what it adds now (lazy greedy; Minoux 1978),
  // and nothing of what is taken. No gain is above 0, so where even the most relevant of those
  // behind is not enough, none of them is.
  std::vector<float> gains(relevance.size(), 0.0F);
  const std::vector<float> behind = greatest_from(relevance);
  std::vector<uint32_t> order;
  for (const uint32_t i : options.given) {
    gains[i] = kNone;
    variety.pick(i);
  }
  while (order.size() < options.count) {
    size_t best = relevance.size();
    float best_gain = kNone;
    for (size_t i = 0; i < relevance.size() && with(behind[i], 0) > best_gain; ++i) {
      if (!(with(relevance[i], gains[i]) > best_gain)) continue;
      gains[i] = variety.gain(i);
      if (!(with(relevance[i], gains[i]) > best_gain)) continue;
      best = i;
      best_gain = with(relevance[i], gains[i]);
    }
    if (best == relevance.size()) break;
    gains[best] = kNone;
    order.push_back(static_cast<uint32_t>(best));
    if (order.size() < options.count) variety.pick(best);
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

Likeness::Likeness(size_t dim, const VectorOf& vector_of, std::span<const ItemTraits> traits)
    : count_(traits.size()) {
  if (dim > 0) take_vectors(dim, vector_of);
  take_categories(traits);
}

Likeness::Likeness(const RowsView& vectors, std::span<const ItemTraits> traits)
    : Likeness(
          dim_of(vectors, traits.size()),
          [&](size_t i, std::span<float> vector) {
            std::copy_n(vectors.row(i), vectors.dim, vector.begin());
          },
          traits) {}

void Likeness::take_vectors(size_t dim, const VectorOf& vector_of) {
  dim_ = padded(dim);
  unit_.resize(count_ * dim_);
  for (size_t i = 0; i < count_; ++i) {
    const std::span row = std::span(unit_).subspan(i * dim_, dim_);
    vector_of(i, row.first(dim));
    const float norm = std::sqrt(dot(row.data(), row.data(), dim_));
    if (!(norm > 0)) continue;
    for (float& value : row) value /= norm;
  }
}

void Likeness::take_categories(std::span<const ItemTraits> traits) {
  std::unordered_map<uint32_t, uint32_t> places;
  first_.assign(1, 0);
  std::vector<uint32_t> sizes;
  for (const ItemTraits& item : traits) {
    for (const uint32_t category : item.categories) {
      const auto place = places.try_emplace(category, static_cast<uint32_t>(sizes.size())).first;
      if (place->second == sizes.size()) sizes.push_back(0);
      ++sizes[place->second];
      categories_.push_back(place->second);
    }
    first_.push_back(static_cast<uint32_t>(categories_.size()));
  }
  by_category_ = !categories_.empty();
  begin_.resize(sizes.size() + 1);
  std::inclusive_scan(sizes.begin(), sizes.end(), begin_.begin() + 1);
  std::vector<uint32_t> next(begin_.begin(), begin_.end());
  members_.resize(categories_.size());
  for (uint32_t i = 0; i < count_; ++i) {
    for (uint32_t at = first_[i]; at < first_[i + 1]; ++at) members_[next[categories_[at]]++] = i;
  }
}

void Likeness::row(size_t i, std::span<float> out) const {
  const float share = dim_ > 0 && by_category_ ? 0.5F : 1.0F;
  if (dim_ > 0) {
    rows_dot(RowsView{unit_.data(), count_, dim_}, unit_.data() + i * dim_, out.data());
    if (by_category_) {
      for (float& value : out) value *= share;
    }
  } else {
    std::ranges::fill(out, 0.0F);
  }
  // Only who has a category in common is looked at: once, with all that they have in common.
  std::vector<uint32_t> common(by_category_ ? count_ : 0), met;
  for (uint32_t at = first_[i]; at < first_[i + 1]; ++at) {
    const uint32_t category = categories_[at];
    for (uint32_t m = begin_[category]; m < begin_[category + 1]; ++m) {
      if (common[members_[m]]++ == 0) met.push_back(members_[m]);
    }
  }
  const auto size_of = [&](size_t j) { return static_cast<float>(first_[j + 1] - first_[j]); };
  for (const uint32_t j : met) {
    const auto both = static_cast<float>(common[j]);
    out[j] += share * both / (size_of(i) + size_of(j) - both);
  }
  out[i] = 1;  // also of a candidate without vector or category
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
    order = some.by == Diversifier::kDpp ? picked<Dpp>(scaled, likeness, some)
                                         : picked<Mmr>(scaled, likeness, some);
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
