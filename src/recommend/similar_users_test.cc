#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recommend/world_for_test.h"

namespace palate {
namespace {

using testing::HasSubstr;

// People of two tastes; all of them agree to be compared, and have liked enough.
class SimilarUsersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.plant();
    for (uint32_t user = 0; user < kUsers; ++user) {
      const uint32_t first = user % 2 * PlantedWorld::kGroupItems;
      for (uint32_t i = 0; i < kTastesMin; ++i) {
        const uint32_t item = first + (user / 2 + i) % PlantedWorld::kGroupItems;
        world_.post("like", RecommendWorld::user_name(user), RecommendWorld::item_name(item));
      }
      agree(user, true);
      among_.push_back(RecommendWorld::user_name(user));
    }
    recommender_ = world_.trained({"als", "popularity"});
  }
  void agree(uint32_t user, bool agrees) {
    UserRecord record;
    record.id = RecommendWorld::user_name(user);
    record.personalization = agrees;
    world_.post_user(record);
  }
  Result<SimilarUsers> ask(const std::string& user, size_t n = 10) {
    return recommender_->similar_users({.user = user, .n = n, .among = among_});
  }
  std::vector<std::string> names(const std::string& user, size_t n = 10) {
    std::vector<std::string> names;
    const auto found = ask(user, n);
    EXPECT_TRUE(found) << (found ? "" : found.error().message);
    for (size_t i = 0; found && i < found->users.size(); ++i) names.push_back(found->users[i].name);
    return names;
  }

  static constexpr uint32_t kUsers = 12;
  RecommendWorld world_;
  std::vector<std::string> among_;
  std::shared_ptr<const Recommender> recommender_;
};

TEST_F(SimilarUsersTest, ShareTastes) {
  EXPECT_THAT(names("user-0", 5),
              testing::UnorderedElementsAre("user-2", "user-4", "user-6", "user-8", "user-10"));
  const auto found = ask("user-1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->compared, kUsers - 1);
  for (size_t i = 1; i < found->users.size(); ++i) {
    EXPECT_GE(found->users[i - 1].similarity, found->users[i].similarity);
  }
}

TEST_F(SimilarUsersTest, AreOnlyThoseWhoAgree) {
  agree(2, false);
  EXPECT_THAT(names("user-0"), testing::Not(testing::Contains("user-2")));
  // Somebody who was never asked, with the same tastes.
  for (uint32_t i = 0; i < kTastesMin; ++i) {
    world_.post("like", "silent", RecommendWorld::item_name(i));
  }
  among_.emplace_back("silent");
  EXPECT_THAT(names("user-0"), testing::Not(testing::Contains("silent")));
  EXPECT_EQ(ask("silent").error().code, Code::kPermission);
  EXPECT_EQ(ask("user-2").error().code, Code::kPermission);
}

TEST_F(SimilarUsersTest, AreNotFoundByOneLike) {
  world_.post("like", "probe", "item-3");
  UserRecord record;
  record.id = "probe";
  world_.post_user(record);
  const auto refused = ask("probe");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("fewer than 10"));
  among_.emplace_back("probe");
  EXPECT_THAT(names("user-0"), testing::Not(testing::Contains("probe")));
}

TEST_F(SimilarUsersTest, RefusesWhatCannotBeAsked) {
  EXPECT_EQ(ask("nobody").error().code, Code::kNotFound);
  EXPECT_EQ(ask("user-0", 0).error().code, Code::kInvalidArgument);
  EXPECT_EQ(ask("user-0", kSimilarUsersMax + 1).error().code, Code::kInvalidArgument);
  recommender_ = world_.recommender({.number = 1, .created = "", .note = "", .artefacts = {}});
  EXPECT_EQ(ask("user-0").error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace palate
