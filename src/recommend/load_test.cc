#include "recommend/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recommend/world_for_test.h"

namespace palate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class LoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.plant(20);
    release_ = world_.train({"popularity"});
  }
  Error refusal(const LiveState& state) {
    const auto loaded = Recommender::load({world_.registry(), state, world_.pipelines}, release_);
    EXPECT_FALSE(loaded);
    return loaded ? Error{} : loaded.error();
  }

  RecommendWorld world_;
  Release release_;
};

TEST_F(LoadTest, ALongerCatalogueStillFits) {
  world_.post_items({RecommendWorld::item(500)});
  EXPECT_TRUE(Recommender::load({world_.registry(), world_.live(), world_.pipelines}, release_));
}

TEST_F(LoadTest, OtherEventTypesAreRefusedByName) {
  RecommendWorld other;
  other.declare({"nod", Role::kPositive, 1, {}, {}});
  const Error error = refusal(other.live());
  EXPECT_EQ(error.code, Code::kConflict);
  EXPECT_THAT(error.message, AllOf(HasSubstr("popularity 000001"), HasSubstr("event types"),
                                   HasSubstr("palate train")));
}

TEST_F(LoadTest, AnotherCatalogueIsRefusedByName) {
  RecommendWorld shorter;
  shorter.post_items({RecommendWorld::item(0)});
  const Error fewer = refusal(shorter.live());
  EXPECT_EQ(fewer.code, Code::kConflict);
  EXPECT_THAT(fewer.message, AllOf(HasSubstr("48 items"), HasSubstr("palate train")));

  RecommendWorld reordered;
  std::vector<ItemRecord> items;
  for (uint32_t i = 60; i > 0; --i) items.push_back(RecommendWorld::item(i - 1));
  reordered.post_items(items);
  const Error other = refusal(reordered.live());
  EXPECT_EQ(other.code, Code::kConflict);
  EXPECT_THAT(other.message, AllOf(HasSubstr("dictionary"), HasSubstr("palate train")));
}

TEST_F(LoadTest, WhatAnsweredBeforeIsTakenOverWhereItIsTheSame) {
  const Recommender::Parts parts{world_.registry(), world_.live(), world_.pipelines};
  const auto before = load_release(parts, release_, nullptr).value();
  const auto again = load_release(parts, release_, before.get()).value();
  ASSERT_EQ(again->models.size(), 1U);
  EXPECT_EQ(again->models[0].model, before->models[0].model);
  const Release next = world_.train({"popularity"});
  const auto other = load_release(parts, next, again.get()).value();
  EXPECT_NE(other->models[0].model, before->models[0].model) << "another version";
}

TEST_F(LoadTest, AMissingModelIsAnError) {
  release_.artefacts["als"] = "000009";
  EXPECT_FALSE(Recommender::load({world_.registry(), world_.live(), world_.pipelines}, release_));
}

}  // namespace
}  // namespace palate
