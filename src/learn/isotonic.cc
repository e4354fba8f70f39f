#include "learn/isotonic.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace palate {
namespace {

constexpr size_t kBinsMax = 512;

struct Bin {
  double predicted = 0, happened = 0, weight = 0;  // sums
  [[nodiscard]] float at() const { return static_cast<float>(predicted / weight); }
  [[nodiscard]] double gives() const { return happened / weight; }
  void add(const Bin& other) {
    predicted += other.predicted;
    happened += other.happened;
    weight += other.weight;
  }
};

// Ascending; examples of one prediction are in one bin.
std::vector<Bin> bins_of(std::span<const double> probability, std::span<const uint8_t> happened) {
  std::vector<size_t> order(probability.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t i) { return probability[i]; });
  const size_t least = (order.size() + kBinsMax - 1) / kBinsMax;
  std::vector<Bin> bins;
  for (size_t i = 0; i < order.size(); ++i) {
    const bool same = i > 0 && probability[order[i]] == probability[order[i - 1]];
    const bool full = bins.empty() || bins.back().weight >= static_cast<double>(least);
    if (full && !same) bins.emplace_back();
    bins.back().add({probability[order[i]], happened[order[i]] != 0 ? 1.0 : 0.0, 1});
  }
  return bins;
}

}  // namespace

Isotonic fit_isotonic(std::span<const double> probability, std::span<const uint8_t> happened) {
  PALATE_CHECK(probability.size() == happened.size(), "what happened to each example");
  std::vector<Bin> bins = bins_of(probability, happened);
  const auto positives =
      static_cast<double>(std::ranges::count_if(happened, [](uint8_t one) { return one != 0; }));
  const double average = (positives + 1) / (static_cast<double>(happened.size()) + 2);
  std::vector<Bin> pooled;
  for (Bin& bin : bins) {
    bin.add({bin.predicted / bin.weight, average, 1});
    // A point of the line: what does not rise, or lies at the place of the one before, joins it.
    while (!pooled.empty() &&
           (pooled.back().gives() >= bin.gives() || pooled.back().at() >= bin.at())) {
      bin.add(pooled.back());
      pooled.pop_back();
    }
    pooled.push_back(bin);
  }
  Isotonic line;
  for (const Bin& bin : pooled) {
    line.at.push_back(bin.at());
    line.gives.push_back(static_cast<float>(bin.gives()));
  }
  return line;
}

}  // namespace palate
