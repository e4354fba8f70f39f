#include "recommend/diversity.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include <Eigen/Dense>
#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace palate {
namespace {

using testing::ElementsAre;

// Candidates with vectors, categories and scores, drawn from a seed.
struct Drawn {
  std::vector<float> vectors, relevance;
  std::vector<std::vector<uint32_t>> categories;
  std::vector<ItemTraits> traits;
  size_t dim;

  Drawn(uint64_t seed, size_t count, size_t dimensions) : categories(count), dim(dimensions) {
    std::mt19937_64 dice(seed);
    std::normal_distribution<float> normal;
    for (size_t i = 0; i < count * dim; ++i) vectors.push_back(normal(dice));
    for (size_t i = 0; i < count; ++i) {
      relevance.push_back(normal(dice));
      for (uint32_t c = 0; c < 150; c += 7) {
        if (dice() % 4 == 0) categories[i].push_back(c);
      }
    }
    for (const auto& of_item : categories) traits.push_back({.categories = of_item});
  }
  [[nodiscard]] RowsView rows() const { return {vectors.data(), traits.size(), dim}; }
  [[nodiscard]] Likeness likeness() const { return {rows(), traits}; }
};

double cosine(const Drawn& drawn, size_t i, size_t j) {
  const Eigen::Map<const Eigen::VectorXf> a(drawn.rows().row(i), static_cast<long>(drawn.dim));
  const Eigen::Map<const Eigen::VectorXf> b(drawn.rows().row(j), static_cast<long>(drawn.dim));
  return a.cast<double>().normalized().dot(b.cast<double>().normalized());
}

double jaccard(const Drawn& drawn, size_t i, size_t j) {
  std::vector<uint32_t> both, any;
  std::ranges::set_intersection(drawn.categories[i], drawn.categories[j], std::back_inserter(both));
  std::ranges::set_union(drawn.categories[i], drawn.categories[j], std::back_inserter(any));
  return any.empty() ? 0 : static_cast<double>(both.size()) / static_cast<double>(any.size());
}

Eigen::MatrixXd plain_likeness(const Drawn& drawn) {
  const auto n = static_cast<long>(drawn.traits.size());
  Eigen::MatrixXd all = Eigen::MatrixXd::Identity(n, n);
  for (long i = 0; i < n; ++i) {
    for (long j = 0; j < n; ++j) {
      const auto a = static_cast<size_t>(i), b = static_cast<size_t>(j);
      if (i != j) all(i, j) = (cosine(drawn, a, b) + jaccard(drawn, a, b)) / 2;
    }
  }
  return all;
}

// What an order is worth: Σ θ r + (1 − θ) log det, by a dense determinant.
double worth(const Drawn& drawn, std::span<const uint32_t> picked, double strength) {
  const auto [low, high] = std::ranges::minmax(drawn.relevance);
  const Eigen::MatrixXd all = plain_likeness(drawn);
  const auto k = static_cast<long>(picked.size());
  Eigen::MatrixXd part(k, k);
  double sum = 0;
  for (long a = 0; a < k; ++a) {
    sum += (drawn.relevance[picked[static_cast<size_t>(a)]] - low) / (high - low);
    for (long b = 0; b < k; ++b) {
      part(a, b) = all(picked[static_cast<size_t>(a)], picked[static_cast<size_t>(b)]);
    }
  }
  return (1 - strength) * sum + strength * std::log(part.determinant());
}

RC_GTEST_PROP(Likeness, IsHalfCosineHalfJaccardAndPositive, ()) {
  const Drawn drawn(*rc::gen::arbitrary<uint64_t>(), *rc::gen::inRange<size_t>(1, 40),
                    *rc::gen::inRange<size_t>(1, 20));
  const Likeness likeness = drawn.likeness();
  const Eigen::MatrixXd plain = plain_likeness(drawn);
  std::vector<float> a(likeness.dim()), b(likeness.dim());
  for (size_t i = 0; i < likeness.size(); ++i) {
    likeness.vector(i, a);
    for (size_t j = 0; j < likeness.size(); ++j) {
      if (i == j) continue;
      likeness.vector(j, b);
      const float like = dot(a.data(), b.data(), a.size()) + likeness.in_common(i, j);
      RC_ASSERT(std::abs(like - plain(static_cast<long>(i), static_cast<long>(j))) < 1e-5);
    }
  }
  RC_ASSERT(Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(plain).eigenvalues().minCoeff() > -1e-9);
}

// Each pick is the one that adds most to the determinant's logarithm, computed anew.
RC_GTEST_PROP(Dpp, EachPickIsTheBestOfAll, ()) {
  const Drawn drawn(*rc::gen::arbitrary<uint64_t>(), *rc::gen::inRange<size_t>(2, 16), 24);
  const double strength = *rc::gen::inRange(1, 10) / 10.0;
  const size_t count = *rc::gen::inRange<size_t>(1, drawn.traits.size());
  const auto order = diversified(drawn.relevance, drawn.likeness(),
                                 {.by = Diversifier::kDpp, .strength = strength, .count = count});
  RC_ASSERT(order.size() == drawn.traits.size());
  std::vector<uint32_t> tried;
  for (size_t k = 0; k < count; ++k) {
    tried.assign(order.begin(), order.begin() + static_cast<ptrdiff_t>(k) + 1);
    const double got = worth(drawn, tried, strength);
    for (size_t other = k; other < order.size(); ++other) {
      tried[k] = order[other];
      RC_ASSERT(worth(drawn, tried, strength) <= got + 1e-3);
    }
  }
}

// What each candidate adds to the logarithm of the determinant, by a dense solution in double.
std::vector<double> added(const Eigen::MatrixXd& all, std::span<const uint32_t> picked) {
  const auto k = static_cast<long>(picked.size());
  Eigen::MatrixXd part(k, k), cross(k, all.cols());
  for (long a = 0; a < k; ++a) {
    for (long b = 0; b < k; ++b) {
      part(a, b) = all(picked[static_cast<size_t>(a)], picked[static_cast<size_t>(b)]);
    }
    cross.row(a) = all.row(picked[static_cast<size_t>(a)]);
  }
  const Eigen::MatrixXd solved = part.ldlt().solve(cross);
  std::vector<double> gains;
  for (long i = 0; i < all.cols(); ++i) {
    const double told = k > 0 ? cross.col(i).dot(solved.col(i)) : 0;
    gains.push_back(std::log(std::max(all(i, i) - told, 1e-12)));
  }
  return gains;
}

// So many picks that candidates are brought up to date over several blocks of their values, some
// late and at once, some again and again.
TEST(Dpp, ManyPicksAreEachTheBestOfAll) {
  constexpr size_t kPicks = 50;
  for (const double strength : {0.1, 0.5, 0.95}) {
    const Drawn drawn(static_cast<uint64_t>(strength * 100), 90, 48);
    const Eigen::MatrixXd all = plain_likeness(drawn);
    const auto [low, high] = std::ranges::minmax(drawn.relevance);
    const auto order =
        diversified(drawn.relevance, drawn.likeness(),
                    {.by = Diversifier::kDpp, .strength = strength, .count = kPicks});
    for (size_t k = 0; k < kPicks; ++k) {
      const auto gains = added(all, std::span(order).first(k));
      const auto worth = [&](uint32_t i) {
        return (1 - strength) * (drawn.relevance[i] - low) / (high - low) + strength * gains[i];
      };
      for (size_t other = k; other < order.size(); ++other) {
        ASSERT_LE(worth(order[other]), worth(order[k]) + 1e-4) << strength << " " << k;
      }
    }
  }
}

RC_GTEST_PROP(Mmr, EachPickIsTheBestOfAll, ()) {
  const Drawn drawn(*rc::gen::arbitrary<uint64_t>(), *rc::gen::inRange<size_t>(2, 30), 24);
  const double strength = *rc::gen::inRange(1, 10) / 10.0;
  const auto order =
      diversified(drawn.relevance, drawn.likeness(),
                  {.by = Diversifier::kMmr, .strength = strength, .count = drawn.traits.size()});
  const Eigen::MatrixXd all = plain_likeness(drawn);
  const auto [low, high] = std::ranges::minmax(drawn.relevance);
  const auto gain = [&](size_t picked, uint32_t item) {
    double nearest = 0;
    for (size_t p = 0; p < picked; ++p) nearest = std::max(nearest, all(order[p], item));
    return (1 - strength) * (drawn.relevance[item] - low) / (high - low) - strength * nearest;
  };
  for (size_t k = 0; k < order.size(); ++k) {
    for (size_t other = k; other < order.size(); ++other) {
      RC_ASSERT(gain(k, order[other]) <= gain(k, order[k]) + 1e-5);
    }
  }
}

TEST(Diversified, NoStrengthIsTheOrderOfRelevanceAndFullStrengthIsNot) {
  const Drawn drawn(7, 50, 16);
  auto order = diversified(drawn.relevance, drawn.likeness(), {.strength = 0, .count = 10});
  EXPECT_TRUE(std::ranges::is_sorted(order, std::greater{},
                                     [&](uint32_t i) { return drawn.relevance[i]; }));
  order = diversified(drawn.relevance, drawn.likeness(), {.strength = 1, .count = 10});
  EXPECT_FALSE(std::ranges::is_sorted(std::span(order).first(10), std::greater{},
                                      [&](uint32_t i) { return drawn.relevance[i]; }));
  EXPECT_TRUE(std::ranges::is_sorted(std::span(order).subspan(10), std::greater{},
                                     [&](uint32_t i) { return drawn.relevance[i]; }));
  std::ranges::sort(order);
  std::vector<uint32_t> everybody(50);
  std::iota(everybody.begin(), everybody.end(), 0U);
  EXPECT_EQ(order, everybody);
}

TEST(Diversified, TiesGoToTheLowerNumber) {
  const std::vector<ItemTraits> three(3);
  const std::vector<float> relevance{0.1F, 0.9F, 0.5F}, flat{1, 1, 1};
  for (const Diversifier by : {Diversifier::kDpp, Diversifier::kMmr}) {
    EXPECT_THAT(diversified(relevance, Likeness({}, three), {by, 1, 3}), ElementsAre(0, 1, 2));
    EXPECT_THAT(diversified(flat, Likeness({}, three), {by, 0.5, 3}), ElementsAre(0, 1, 2));
  }
}

TEST(Diversified, CopiesComeLast) {
  const std::vector<std::vector<uint32_t>> categories{{1}, {1}, {2}, {1}, {}};
  std::vector<ItemTraits> traits;
  for (const auto& of_item : categories) traits.push_back({.categories = of_item});
  const std::vector<float> relevance{5, 4, 3, 2, 1};
  for (const Diversifier by : {Diversifier::kDpp, Diversifier::kMmr}) {
    const auto order = diversified(relevance, Likeness({}, traits), {by, 0.9, 5});
    EXPECT_THAT(order, ElementsAre(0, 2, 4, 1, 3));
  }
}

TEST(Diversified, OddInput) {
  EXPECT_TRUE(diversified({}, Likeness({}, {}), {.count = 3}).empty());
  const std::vector<ItemTraits> three(3);
  const float none = -std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto& scores : std::vector<std::vector<float>>{
           {none, none, none}, {1, none, 2}, {1, 1, 1}, {0, nan, nan}}) {
    for (const double strength : {-1.0, 0.5, 1.0, 7.0}) {
      auto order = diversified(scores, Likeness({}, three), {Diversifier::kDpp, strength, 99});
      std::ranges::sort(order);
      EXPECT_THAT(order, ElementsAre(0, 1, 2));
    }
  }
  EXPECT_FALSE(diversifier("xquad"));
  EXPECT_EQ(*diversifier("mmr"), Diversifier::kMmr);
}

RC_GTEST_PROP(Diversity, GoesOnBehindWhatIsGiven, (uint32_t seed)) {
  const Drawn drawn(seed, 40, 8);
  for (const Diversifier by : {Diversifier::kDpp, Diversifier::kMmr}) {
    const auto whole =
        diversified(drawn.relevance, drawn.likeness(), {.by = by, .strength = 0.6, .count = 12});
    const auto first = std::span(whole).first(4);
    const auto rest = diversified(drawn.relevance, drawn.likeness(),
                                  {.by = by, .strength = 0.6, .count = 8, .given = first});
    RC_ASSERT(rest.size() == 36u);
    RC_ASSERT(std::ranges::equal(std::span(rest).first(8), std::span(whole).subspan(4, 8)));
  }
}

TEST(Diversity, GivenCopiesDoNoHarm) {
  Drawn drawn(1, 10, 4);
  std::copy_n(drawn.vectors.begin(), 4, drawn.vectors.begin() + 4);
  drawn.traits[1] = drawn.traits[0];
  const std::vector<uint32_t> given{0, 1};
  const auto rest =
      diversified(drawn.relevance, drawn.likeness(), {.strength = 0.9, .count = 8, .given = given});
  EXPECT_EQ(rest.size(), 8u);
  EXPECT_EQ(std::ranges::count(rest, 0u) + std::ranges::count(rest, 1u), 0);
}

}  // namespace
}  // namespace palate
