#include "evaluate/training_curves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace palate {
namespace {

using ::testing::HasSubstr;

constexpr const char* kMetrics =
    R"({"loss_by_epoch":[3,2,1.5],"ratings":7,"names_by_epoch":["a"],"empty_by_epoch":[],)"
    R"("validated":{"validation_rmse_by_epoch":[1,0.9]}})";

TEST(TrainingCurves, AreTheListsByEpochOfTheManifestAndItsParts) {
  const auto curves = training_curves(kMetrics);
  ASSERT_EQ(curves.size(), 2u);
  EXPECT_EQ(curves[0].name, "loss");
  EXPECT_EQ(curves[0].by_epoch, (std::vector<double>{3, 2, 1.5}));
  EXPECT_EQ(curves[1].name, "validated validation rmse");
}

TEST(TrainingCurves, AreDrawnFromHighToLow) {
  const auto page = draw_training("mf 000003", kMetrics);
  ASSERT_TRUE(page);
  // Three epochs from left to right; the worst on top, the best at the foot.
  EXPECT_THAT(*page, HasSubstr("points='80.0,30.0 400.0,136.7 720.0,190.0 '"));
  EXPECT_THAT(*page, HasSubstr("loss by epoch: 1.5 after 3"));
  EXPECT_EQ(page->find("http"), std::string::npos) << "it loads nothing";
  const auto svg = draw_training_svg("mf 000003", kMetrics);
  ASSERT_TRUE(svg);
  EXPECT_THAT(*svg, testing::StartsWith("<svg xmlns="));
  EXPECT_THAT(*svg, HasSubstr("viewBox='0 0 760 460'"));
}

TEST(TrainingCurves, OneEpochIsAPointAndNoneIsSaid) {
  EXPECT_THAT(*draw_training("als", R"({"loss_by_epoch":[2]})"), HasSubstr("points='80.0,190.0 '"));
  const auto none = draw_training("ease", "{}");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kUnavailable);
  EXPECT_FALSE(draw_training_svg("ease", "{}"));
}

}  // namespace
}  // namespace palate
