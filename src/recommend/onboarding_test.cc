#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recommend/world_for_test.h"

namespace palate {
namespace {

class OnboardingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.plant();
    recommender_ = world_.trained({"als", "popularity"});
  }
  Slate ask(const OnboardingRequest& request) {
    auto slate = recommender_->onboarding(request);
    EXPECT_TRUE(slate) << (slate ? "" : slate.error().message);
    return slate ? std::move(*slate) : Slate{};
  }
  static int of_history(const Slate& slate) {
    return static_cast<int>(std::ranges::count_if(
        slate.items, [](const auto& item) { return item.ix.value >= PlantedWorld::kGroupItems; }));
  }
  RecommendWorld world_;
  std::shared_ptr<const Recommender> recommender_;
};

TEST_F(OnboardingTest, AsksAboutEveryTaste) {
  const Slate slate = ask({.n = 6});
  ASSERT_EQ(slate.items.size(), 6u);
  EXPECT_EQ(slate.cursor, "");
  EXPECT_FALSE(slate.items[0].title.empty());
  EXPECT_GE(of_history(slate), 2);
  EXPECT_LE(of_history(slate), 4);
}

TEST_F(OnboardingTest, AnswersChangeWhatIsAsked) {
  const auto questions = [](const Slate& slate) {
    std::vector<std::string> names;
    for (const auto& item : slate.items) names.push_back(item.item);
    return names;
  };
  const auto first = questions(ask({.n = 6}));
  for (int i = 0; i < 3; ++i) world_.post("like", "newcomer", first[i]);
  const auto next = questions(ask({.user = "newcomer", .n = 6}));
  for (int i = 0; i < 3; ++i) EXPECT_THAT(next, testing::Not(testing::Contains(first[i])));
  // As if the answers had been picked: what differs from them comes next.
  EXPECT_EQ(next[0], first[3]);
}

TEST_F(OnboardingTest, KeepsToTheRequest) {
  const Slate first = ask({.n = 3});
  OnboardingRequest request{.n = 100, .categories = {"history"}};
  for (const auto& item : first.items) request.exclude.push_back(item.item);
  const Slate slate = ask(request);
  EXPECT_FALSE(slate.items.empty());
  for (const auto& item : slate.items) {
    EXPECT_GE(item.ix.value, PlantedWorld::kGroupItems);
    EXPECT_EQ(std::ranges::count(request.exclude, item.item), 0);
  }
  for (const size_t n : {size_t{0}, size_t{101}}) {
    const auto refused = recommender_->onboarding({.n = n});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  }
}

TEST_F(OnboardingTest, WithoutPopularityTheNewestAreAskedAbout) {
  recommender_ = world_.trained({"als"});
  EXPECT_EQ(ask({.n = 5}).items.size(), 5u);
}

}  // namespace
}  // namespace palate
