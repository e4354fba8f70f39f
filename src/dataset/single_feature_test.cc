#include "dataset/single_feature.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace palate {
namespace {

TEST(SingleFeature, TheOutcomeUnderAnotherNameIsSuspiciousAndARealFeatureIsNot) {
  std::mt19937 random(3);
  std::normal_distribution<float> noise;
  ExampleSchema schema;
  schema.numbers = {{"user", 1}, {"item", 3}};
  schema.labels = {"click", "like"};
  ExampleColumns columns;
  columns.numbers.resize(2);
  columns.labels.resize(2);
  for (int i = 0; i < 4000; ++i) {
    const float appeal = noise(random);
    const bool click = appeal + 2 * noise(random) > 0;
    columns.numbers[0].push_back(noise(random));
    columns.numbers[1].push_back(appeal);
    columns.numbers[1].push_back(click ? -3.0F : noise(random) * 0.1F);  // counts the click itself
    columns.numbers[1].push_back(i % 3 == 0 ? std::nanf("") : 1.0F);
    columns.labels[0].push_back(click ? 1 : 0);
    columns.labels[1].push_back(i % 7 == 0 ? std::nanf("") : i % 2 == 0 ? 1.0F : 0.0F);
  }
  const auto examples = Examples::from_columns(schema, std::move(columns));
  ASSERT_TRUE(examples) << examples.error().message;
  const std::vector<std::vector<std::string>> names{{"age"},
                                                    {"appeal", "clicks_after", "constant"}};
  const auto found = single_features(*examples, names);
  ASSERT_EQ(found.size(), 8u);
  EXPECT_EQ(found[0].feature, "clicks_after");
  EXPECT_EQ(found[0].label, "click");
  EXPECT_TRUE(found[0].suspicious());
  EXPECT_EQ(found[1].feature, "appeal");
  EXPECT_GT(found[1].auc, 0.6);
  for (size_t i = 1; i < found.size(); ++i) EXPECT_FALSE(found[i].suspicious()) << found[i].feature;
  const auto fewer = single_features(*examples, names, 500);
  EXPECT_NEAR(fewer[0].auc, found[0].auc, 0.02);
}

}  // namespace
}  // namespace palate
