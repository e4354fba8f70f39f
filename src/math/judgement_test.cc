#include "math/judgement.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "math/philox.h"

namespace palate {
namespace {

using Scores = std::vector<double>;
using Liked = std::vector<uint8_t>;

TEST(Judgement, ErrorsOfRatingsByHand) {
  RatingErrors errors;
  EXPECT_EQ(errors.rmse(), 0);
  errors.add(4, 3);
  errors.add(1, 4);
  errors.add(2, 2);
  EXPECT_DOUBLE_EQ(errors.rmse(), std::sqrt(10.0 / 3));
  EXPECT_DOUBLE_EQ(errors.mae(), 4.0 / 3);
}

TEST(Judgement, AucByHand) {
  // Pairs (liked, other): (.8,.4) right, (.8,.6) right, (.4,.4) tie, (.4,.6) wrong.
  EXPECT_DOUBLE_EQ(*auc(Scores{.8, .4, .4, .6}, Liked{1, 1, 0, 0}), 2.5 / 4);
  EXPECT_DOUBLE_EQ(*auc(Scores{1, 2, 3}, Liked{0, 0, 1}), 1);
  EXPECT_DOUBLE_EQ(*auc(Scores{3, 2, 1}, Liked{0, 0, 1}), 0);
  EXPECT_DOUBLE_EQ(*auc(Scores{5, 5, 5, 5}, Liked{0, 1, 1, 0}), .5);
  EXPECT_FALSE(auc(Scores{1, 2}, Liked{1, 1}));
  EXPECT_FALSE(auc({}, {}));
}

TEST(Judgement, AucIsTheShareOfPairs) {
  Philox random(5);
  for (int round = 0; round < 200; ++round) {
    Scores score(2 + random.below(40));
    Liked liked(score.size());
    for (size_t i = 0; i < score.size(); ++i) {
      score[i] = random.below(8);
      liked[i] = static_cast<uint8_t>(random.below(2));
    }
    double right = 0, pairs = 0;
    for (size_t i = 0; i < score.size(); ++i) {
      for (size_t j = 0; j < score.size(); ++j) {
        if (liked[i] == 0 || liked[j] != 0) continue;
        pairs += 1;
        right += score[i] > score[j] ? 1 : score[i] == score[j] ? .5 : 0;
      }
    }
    const auto found = auc(score, liked);
    ASSERT_EQ(found.has_value(), pairs > 0);
    if (found) {
      EXPECT_NEAR(*found, right / pairs, 1e-12);
    }
  }
}

TEST(Judgement, LogLossAndCalibrationByHand) {
  EXPECT_NEAR(log_loss(Scores{.9, .2}, Liked{1, 0}), -(std::log(.9) + std::log(.8)) / 2, 1e-12);
  EXPECT_NEAR(log_loss(Scores{0}, Liked{1}), -std::log(1e-15), 1e-6);
  EXPECT_EQ(log_loss({}, {}), 0);
  // Two bins: (.1 + .3) against no like, (.6 + .8) against one.
  EXPECT_NEAR(calibration_error(Scores{.1, .3, .6, .8}, Liked{0, 0, 1, 0}, 2), (.4 + .4) / 4,
              1e-12);
  EXPECT_NEAR(calibration_error(Scores{1, 1, 0}, Liked{1, 1, 0}), 0, 1e-12);
}

TEST(Judgement, GiniNoveltyAndGapsByHand) {
  EXPECT_DOUBLE_EQ(gini(Scores{3, 3, 3}), 0);
  EXPECT_DOUBLE_EQ(gini(Scores{0, 0, 0, 8}), .75);
  EXPECT_DOUBLE_EQ(gini(Scores{1, 3}), .25);
  EXPECT_EQ(gini(Scores{0, 0}), 0);
  EXPECT_DOUBLE_EQ(self_information(1, 8), 3);
  EXPECT_DOUBLE_EQ(self_information(0, 8), 3);
  EXPECT_DOUBLE_EQ(self_information(8, 8), 0);
  EXPECT_DOUBLE_EQ(distribution_gap(Scores{1, 1}, Scores{3, 1}), .25);
  EXPECT_DOUBLE_EQ(distribution_gap(Scores{1, 0}, Scores{0, 7}), 1);
  EXPECT_EQ(distribution_gap(Scores{0, 0}, Scores{1, 1}), 0);
}

}  // namespace
}  // namespace palate
