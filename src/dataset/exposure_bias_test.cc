#include "dataset/exposure_bias.h"

#include <cmath>
#include <functional>
#include <limits>

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "math/philox.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

// Items with relevance 0.1 to 0.6 on pages: drawn, or in the order of what a ranker believes.
struct Planted {
  std::vector<ShownRow> rows;
  std::vector<uint32_t> item;
  std::vector<float> signal;  // of relevance, with noise
};

constexpr uint32_t kItems = 40;
double relevance(uint32_t item) { return 0.1 + 0.5 * item / (kItems - 1.0); }

struct Plan {
  size_t pages = 4000, positions = 5;
  double randomized = 1;  // share of pages
  // P(click) of a position and a relevance.
  std::function<double(size_t, double)> click = [](size_t, double r) { return r; };
};

Planted planted(uint64_t seed, const Plan& plan) {
  Planted out;
  Philox random(seed);
  for (size_t page = 0; page < plan.pages; ++page) {
    const bool randomized = random.uniform() < plan.randomized;
    for (size_t p = 0; p < plan.positions; ++p) {
      uint32_t item = random.below(kItems);
      // The better an item, the more often it is far above, but each is everywhere now and then.
      if (!randomized) {
        const uint32_t other = random.below(kItems);
        item = p < plan.positions / 2 ? std::max(item, other) : std::min(item, other);
      }
      const bool click = random.uniform() < plan.click(p, relevance(item));
      out.rows.push_back({static_cast<uint16_t>(p), static_cast<uint16_t>(click), randomized});
      out.item.push_back(item);
      out.signal.push_back(static_cast<float>(relevance(item) + 0.1 * random.normal()));
    }
  }
  return out;
}

double power_law(size_t position, double by) {
  return std::pow(static_cast<double>(position) + 1, -by);
}

RC_GTEST_PROP(ResponseWeights, GiveProductionTheResponsesOfRandomizedRows, ()) {
  const auto seed = *rc::gen::arbitrary<uint64_t>();
  const double slope = *rc::gen::inRange(0, 10) / 10.0;
  const Plan plan{.randomized = 0.4,
                  .click = [&](size_t p, double r) { return r * power_law(p, slope); }};
  Planted data = planted(seed, plan);
  for (ShownRow& row : data.rows) {  // some clicks are of a kind of their own
    if (row.response == 1 && (seed + row.position) % 3 == 0) row.response = 2;
  }
  const auto weights = response_weights(data.rows, {.prior_rows = 0, .clip_quantile = 1});
  RC_ASSERT(weights.has_value());
  for (uint16_t p = 0; p < plan.positions; ++p) {
    double weighted[3] = {}, production = 0, drawn[3] = {}, randomized = 0;
    for (const ShownRow& row : data.rows) {
      if (row.position != p) continue;
      (row.randomized ? randomized : production) += 1;
      (row.randomized ? drawn : weighted)[row.response] += weights->of(row);
    }
    RC_ASSERT(std::abs(weighted[0] + weighted[1] + weighted[2] - production) < 1e-6 * production);
    for (size_t y = 0; y < 3; ++y) {
      if (weighted[y] == 0) continue;  // never seen there: nothing to weigh
      RC_ASSERT(std::abs(weighted[y] / production - drawn[y] / randomized) < 2e-3);
    }
  }
  RC_ASSERT(weights->effective_rows <= static_cast<double>(weights->rows) * (1 + 1e-9));
}

RC_GTEST_PROP(ResponseWeights, KeepTheMeanWhateverIsSmoothedAndClipped, ()) {
  const Plan plan{.pages = *rc::gen::inRange<size_t>(20, 300), .randomized = 0.3};
  const Planted data = planted(*rc::gen::arbitrary<uint64_t>(), plan);
  const auto weights =
      response_weights(data.rows, {.prior_rows = static_cast<double>(*rc::gen::inRange(0, 50)),
                                   .clip_quantile = *rc::gen::element(0.5, 0.9, 0.99)});
  RC_ASSERT(weights.has_value());
  std::vector<double> sum(plan.positions), rows(plan.positions);
  double all = 0, squares = 0;
  for (const ShownRow& row : data.rows) {
    if (row.randomized) continue;
    const double weight = weights->of(row);
    sum[row.position] += weight;
    rows[row.position] += 1;
    all += weight;
    squares += weight * weight;
  }
  for (size_t p = 0; p < plan.positions; ++p) {
    RC_ASSERT(std::abs(sum[p] - rows[p]) < 1e-6 * (1 + rows[p]));
  }
  RC_ASSERT(std::abs(weights->effective_rows - all * all / squares) < 1e-6 * all);
}

TEST(ResponseWeights, AreNearOneWhereNothingWasChosen) {
  Planted data = planted(3, {.pages = 20000});
  for (size_t i = 0; i < data.rows.size(); ++i) data.rows[i].randomized = i % 10 < 5;
  const ResponseWeights weights = response_weights(data.rows).value();
  for (const double weight : weights.weight) EXPECT_NEAR(weight, 1, 0.05);
  EXPECT_NEAR(weights.effective_rows, static_cast<double>(weights.rows), 0.001 * 50000);
}

TEST(ResponseWeights, BoundTheRareResponseBySmoothingAndClipping) {
  std::vector<ShownRow> rows(1000, ShownRow{});
  for (size_t i = 0; i < 20; ++i) rows.push_back({.randomized = true});
  rows[0].response = 1;  // once in production, never in randomized rows
  const ResponseWeights rare = response_weights(rows).value();
  EXPECT_TRUE(std::isfinite(rare.of(rows[0])) && rare.of(rows[0]) > 0);
  rows[0].response = 0;
  rows[1000].response = 1;  // and the other way round: the weight that nobody has
  const ResponseWeights none = response_weights(rows).value();
  EXPECT_NEAR(none.of(rows[1]), 1, 1e-9);
  EXPECT_EQ(none.of(rows[1000]), 1);
  EXPECT_EQ(none.of({.position = 9, .response = 7}), 1);
}

TEST(ResponseWeights, SayWhatIsMissing) {
  std::vector<ShownRow> rows(10);
  EXPECT_THAT(response_weights(rows).error().message, HasSubstr("there are 0 and 10"));
  for (ShownRow& row : rows) row.randomized = true;
  EXPECT_THAT(response_weights(rows).error().message, HasSubstr("there are 10 and 0"));
  EXPECT_FALSE(response_weights({}));
  rows[3].randomized = false;
  EXPECT_FALSE(response_weights(rows, {.clip_quantile = 0}));
  EXPECT_FALSE(response_weights(rows, {.prior_rows = -1}));
  rows[4].position = kShownPositionsMax;
  EXPECT_THAT(response_weights(rows).error().message, HasSubstr("row 4"));
}

TEST(PositionBias, RandomizedRowsTellExaminationWithHonestIntervals) {
  int inside = 0, all = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const Planted data = planted(
        seed, {.pages = 3000, .click = [](size_t p, double r) { return r * power_law(p, 0.7); }});
    const PositionBias bias = position_bias_of_randomized(data.rows).value();
    ASSERT_EQ(bias.positions.size(), 5U);
    EXPECT_EQ(bias.positions[0].theta, 1);
    for (size_t p = 1; p < 5; ++p) {
      const auto& at = bias.positions[p];
      inside += at.low <= power_law(p, 0.7) && power_law(p, 0.7) <= at.high ? 1 : 0;
      ++all;
      EXPECT_NEAR(at.theta, power_law(p, 0.7), 0.12);
    }
  }
  EXPECT_GE(inside, all * 0.90);  // 95 % are meant
  EXPECT_LE(inside, all * 0.99);
}

TEST(PositionBias, ProductionRowsDoNotCountAsRandomized) {
  Planted data = planted(5, {.randomized = 0.5});
  for (ShownRow& row : data.rows) {
    if (!row.randomized) row.response = row.position == 0 ? 1 : 0;
  }
  const PositionBias bias = position_bias_of_randomized(data.rows).value();
  for (const auto& at : bias.positions) EXPECT_NEAR(at.theta, 1, 0.15);
}

RC_GTEST_PROP(PositionBias, EmTellsExaminationFromRelevanceWithoutRandomizedRows, ()) {
  const double by = *rc::gen::inRange(0, 13) / 10.0;
  const Planted data = planted(*rc::gen::arbitrary<uint64_t>(),
                               {.pages = 12000, .randomized = 0, .click = [&](size_t p, double r) {
                                  return r * power_law(p, by);
                                }});
  const auto em = position_bias_by_em(data.rows, data.item);
  RC_ASSERT(em.has_value());
  double naive_off = 0, off = 0;
  const auto& first = em->positions.front();
  for (size_t p = 1; p < 5; ++p) {
    const auto& at = em->positions[p];
    const double naive = (static_cast<double>(at.clicks) / static_cast<double>(at.rows)) /
                         (static_cast<double>(first.clicks) / static_cast<double>(first.rows));
    // In standard errors of a ratio of two shares.
    const double error = at.theta * std::sqrt(1 / static_cast<double>(at.clicks) +
                                              1 / static_cast<double>(first.clicks));
    off = std::max(off, std::abs(at.theta - power_law(p, by)));
    RC_ASSERT(std::abs(at.theta - power_law(p, by)) < 5 * error);
    naive_off = std::max(naive_off, std::abs(naive - power_law(p, by)));
    RC_ASSERT(std::isnan(at.low) && std::isnan(at.high));
  }
  RC_ASSERT(off < naive_off);
}

TEST(PositionBias, LabelsAreRightOnAverageAtEveryPosition) {
  const auto click = [](size_t p, double r) { return r * power_law(p, 0.7); };
  const PositionBias bias =
      position_bias_of_randomized(planted(7, {.pages = 60000, .click = click}).rows).value();
  const Planted data = planted(8, {.pages = 60000, .randomized = 0, .click = click});
  std::vector<double> label(kItems), rows(kItems);
  for (size_t i = 0; i < data.rows.size(); ++i) {
    label[data.item[i]] += bias.label(data.rows[i].position, data.rows[i].response);
    rows[data.item[i]] += 1;
  }
  for (uint32_t item = 0; item < kItems; ++item) {
    EXPECT_NEAR(label[item] / rows[item], relevance(item), 0.05) << item;
  }
}

TEST(PositionBias, PositionsWithoutClicksOrRowsFallBackAsTheyShould) {
  std::vector<ShownRow> rows;
  for (size_t i = 0; i < 200; ++i) {
    rows.push_back({0, static_cast<uint16_t>(i % 2), true});
    rows.push_back({1, static_cast<uint16_t>(i % 4 == 0), true});
    rows.push_back({3, 0, true});
  }
  const PositionBias bias = position_bias_of_randomized(rows, {.floor = 0.1}).value();
  EXPECT_NEAR(bias.theta(1), 0.5, 1e-9);
  EXPECT_EQ(bias.theta(2), bias.theta(1));  // no rows: as the one before
  EXPECT_EQ(bias.positions[3].theta, 0);    // rows, no clicks
  EXPECT_EQ(bias.positions[3].low, 0);
  EXPECT_GT(bias.positions[3].high, 0);
  EXPECT_EQ(bias.theta(3), 0.1);  // the floor
  EXPECT_EQ(bias.theta(99), 0.1);
  EXPECT_NEAR(bias.label(3, 1), 10, 1e-9);
  for (ShownRow& row : rows) row.response = 1;
  const PositionBias whole = position_bias_of_randomized(rows).value();
  for (const auto& at : whole.positions) {
    EXPECT_EQ(at.theta, 1);  // all clicks: all are looked at
    EXPECT_EQ(at.low, 1);
    EXPECT_EQ(at.high, 1);
  }
  const std::vector<uint32_t> group(rows.size(), 7);
  const PositionBias em = position_bias_by_em(rows, group).value();
  for (const auto& at : em.positions) EXPECT_NEAR(at.theta, 1, 0.01);
}

TEST(PositionBias, SaysWhyItCannotBeKnown) {
  std::vector<ShownRow> rows{{0, 1, false}, {1, 1, false}, {2, 0, false}};
  EXPECT_THAT(position_bias_of_randomized(rows).error().message, HasSubstr("0 randomized rows"));
  EXPECT_FALSE(position_bias_of_randomized({}));
  EXPECT_FALSE(position_bias_of_randomized(rows, {.floor = 0}));
  const std::vector<uint32_t> apart{1, 1, 2};
  EXPECT_THAT(position_bias_by_em(rows, apart).error().message,
              HasSubstr("position 2 shares no group"));
  EXPECT_THAT(position_bias_by_em(rows, std::vector<uint32_t>{1}).error().message,
              HasSubstr("3 rows have 1 groups"));
  rows[0].response = 0;
  EXPECT_THAT(position_bias_by_em(rows, apart).error().message, HasSubstr("0 clicks"));
}

// The world's law: trust of 0.3 at the top, falling with the position.
double alpha(size_t p) { return power_law(p, 0.7) * (1 - 0.3 / (static_cast<double>(p) + 1)); }
double beta(size_t p) { return power_law(p, 0.7) * 0.3 / (static_cast<double>(p) + 1); }

TEST(TrustBias, IsFoundFromRandomizedRowsAndASignal) {
  const auto click = [](size_t p, double r) { return alpha(p) * r + beta(p); };
  const Planted data = planted(9, {.pages = 200000, .positions = 10, .click = click});
  const TrustBias bias = trust_bias_of_randomized(data.rows, data.signal).value();
  for (size_t p = 0; p < 10; ++p) {
    // The deepest three have a trust of 0.03, which the convention takes for none.
    EXPECT_NEAR(bias.positions[p].alpha / bias.positions[0].alpha, alpha(p) / alpha(0),
                4 * bias.positions[p].alpha_error + 1e-9);
    EXPECT_NEAR(bias.alpha(p), alpha(p), 0.06) << p;
    EXPECT_NEAR(bias.beta(p), beta(p), 0.05) << p;
  }
  const PositionBias blind = position_bias_of_randomized(data.rows).value();
  EXPECT_LT(blind.theta(5), 0.8 * alpha(5) / alpha(0));  // trust makes it look steeper
}

TEST(TrustBias, LabelsAreAnAffineFunctionOfRelevanceWhateverThePosition) {
  const auto click = [](size_t p, double r) { return alpha(p) * r + beta(p); };
  const Planted data = planted(10, {.pages = 200000, .positions = 10, .click = click});
  const TrustBias bias = trust_bias_of_randomized(data.rows, data.signal).value();
  for (const bool good : {false, true}) {
    for (size_t p = 0; p < 10; p += 3) {
      double label = 0, truth = 0, rows = 0;
      for (size_t i = 0; i < data.rows.size(); ++i) {
        if (data.rows[i].position != p || (data.item[i] < kItems / 2) == good) continue;
        label += bias.label(p, data.rows[i].response);
        truth += relevance(data.item[i]);
        rows += 1;
      }
      EXPECT_NEAR(label / rows, truth / rows, 0.06) << p;
    }
  }
}

TEST(TrustBias, FindsNoneWhereThereIsNone) {
  const auto click = [](size_t p, double r) { return r * power_law(p, 0.7); };
  const Planted data = planted(11, {.pages = 200000, .positions = 10, .click = click});
  const TrustBias bias = trust_bias_of_randomized(data.rows, data.signal).value();
  for (size_t p = 0; p < 10; ++p) {
    EXPECT_NEAR(bias.beta(p), 0, 0.02) << p;
    EXPECT_NEAR(bias.alpha(p), power_law(p, 0.7), 0.05) << p;
  }
}

TEST(TrustBias, SaysWhyItCannotBeKnown) {
  const Planted data = planted(12, {.positions = 4});
  const auto message = [](const Result<TrustBias>& result) {
    return result ? "" : result.error().message;
  };
  const auto find = [](const Planted& of) { return trust_bias_of_randomized(of.rows, of.signal); };
  EXPECT_TRUE(find(data));
  Planted spoilt = data;
  spoilt.signal.pop_back();
  EXPECT_THAT(message(find(spoilt)), HasSubstr("one each"));
  spoilt = data;
  for (float& each : spoilt.signal) each = 1;
  EXPECT_THAT(message(find(spoilt)), HasSubstr("rise with the signal"));
  for (float& each : spoilt.signal) each = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(message(find(spoilt)), HasSubstr("at position 0, 0 randomized rows"));
  spoilt = data;
  for (ShownRow& row : spoilt.rows) row.randomized = false;
  EXPECT_THAT(message(find(spoilt)), HasSubstr("0 randomized rows"));
  spoilt = data;
  for (ShownRow& row : spoilt.rows) row.response = 1;
  EXPECT_THAT(message(find(spoilt)), HasSubstr("slope of 0"));
  spoilt = data;
  for (ShownRow& row : spoilt.rows) row.response = row.position > 1 ? 0 : row.response;
  EXPECT_THAT(message(find(spoilt)), HasSubstr("at the deepest positions"));
  EXPECT_FALSE(trust_bias_of_randomized(data.rows, data.signal, {.floor = 0}));
  EXPECT_FALSE(trust_bias_of_randomized({}, {}));
}

}  // namespace
}  // namespace palate
