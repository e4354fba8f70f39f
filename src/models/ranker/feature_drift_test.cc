#include "models/ranker/feature_drift.h"

#include <cmath>

#include <gmock/gmock.h>

#include "math/philox.h"

namespace palate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A field of the user with one feature, one of candidates with two; 20 candidates a request.
class Drift : public ::testing::Test {
 protected:
  // Requests whose candidates' prices are `shift` standard deviations off.
  void requests(int count, double shift) {
    for (int request = 0; request < count; ++request) {
      Philox random(1, next_++);
      std::vector<std::vector<float>> values(2);
      values[0] = {static_cast<float>(3 + 0.5 * random.normal())};
      for (int i = 0; i < 20; ++i) {
        values[1].push_back(static_cast<float>(10 + 2 * (shift + random.normal())));
        values[1].push_back(i % 2 == 0 ? NAN : static_cast<float>(random.normal()));
      }
      drift_.observe(values, shown_);
    }
  }
  uint64_t next_ = 0;
  std::vector<uint32_t> shown_{3, 4, 19};
  FeatureDrift drift_{{{{"age", 3, 2}}, {{"price", 10, 0.5F}, {"rate", 0, 1}}}};
};

TEST_F(Drift, NothingIsSetAsideWhileAllIsAsItWas) {
  requests(5000, 0);
  EXPECT_THAT(drift_.set_aside(), IsEmpty());
  const auto report = drift_.report();
  ASSERT_EQ(report.size(), 3u);
  for (const auto& one : report) EXPECT_NEAR(one.shift, 0, 0.1) << one.feature;
}

TEST_F(Drift, WhatHasMovedIsSetAsideUntilItIsBack) {
  requests(3000, 0);
  requests(2000, 6);
  EXPECT_THAT(drift_.set_aside(), ElementsAre("price"));
  EXPECT_NEAR(drift_.report()[1].shift, 6, 0.1);
  requests(2000, 3.5);
  EXPECT_THAT(drift_.set_aside(), ElementsAre("price")) << "not yet";
  requests(2000, 1);
  EXPECT_THAT(drift_.set_aside(), IsEmpty());
}

TEST_F(Drift, OnlyWhatComesFirstCounts) {
  const std::vector<uint32_t> first{1, 2};
  for (int request = 0; request < 1000; ++request) {
    std::vector<std::vector<float>> values{{3}, std::vector<float>(40, 1000)};
    for (const uint32_t row : first) values[1][2 * row] = 11, values[1][2 * row + 1] = 0.5F;
    drift_.observe(values, first);
  }
  EXPECT_NEAR(drift_.report()[1].shift, 0.5, 1e-6);
  EXPECT_NEAR(drift_.report()[2].shift, 0.5, 1e-6);
  EXPECT_THAT(drift_.set_aside(), IsEmpty());
}

TEST_F(Drift, AFewRequestsSayNothing) {
  requests(FeatureDrift::kRequestsMin - 1, 50);
  EXPECT_THAT(drift_.set_aside(), IsEmpty());
}

TEST_F(Drift, LeavingOutTouchesTheColumnAlone) {
  std::vector<std::vector<float>> values{{1}, {2, 3, 4, 5}};
  const std::vector<std::string> names{"rate", "nobody knows"};
  drift_.leave_out(names, values);
  EXPECT_THAT(values[0], ElementsAre(1));
  EXPECT_EQ(values[1][0], 2);
  EXPECT_TRUE(std::isnan(values[1][1]));
  EXPECT_EQ(values[1][2], 4);
  EXPECT_TRUE(std::isnan(values[1][3]));
}

}  // namespace
}  // namespace palate
