#include "dataset/user_folds.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "dataset/dataset_for_test.h"

namespace palate {
namespace {

RC_GTEST_PROP(UserFolds, EveryTestRowIsOneGroupsAndNoneOfItsUsersTrainsIt, ()) {
  const Dataset data = liked_rows(*rc::gen::inRange<uint32_t>(30, 60),
                                  *rc::gen::inRange<uint32_t>(3, 7), TimeKind::kReal);
  const SplitOptions options{
      .kind = *rc::gen::element(SplitKind::kTimeCut, SplitKind::kHoldOut, SplitKind::kLeaveLastOut),
      .test_share = 0.4,
      .seed = *rc::gen::arbitrary<uint64_t>()};
  const auto folds = *rc::gen::inRange<size_t>(2, 5);
  const auto made = make_user_folds(data, options, folds);
  if (!made) {  // a group without users: once in some thousand draws
    RC_ASSERT(made.error().code == Code::kInvalidArgument);
    return;
  }
  RC_ASSERT(made->groups.size() == folds);
  for (uint32_t user = 0; user < data.users(); ++user) {
    const size_t mine = fold_of(data.user_id({user}), folds, options.seed);
    for (uint64_t bit = data.row_start()[user]; bit < data.row_start()[user + 1]; ++bit) {
      for (size_t fold = 0; fold < folds; ++fold) {
        const Split& group = made->groups[fold];
        RC_ASSERT((*group.test)[bit] == (fold == mine && (*made->asked.test)[bit]));
        if (fold == mine) RC_ASSERT(!(*group.train)[bit]);
        if (fold != mine && options.kind != SplitKind::kTimeCut) RC_ASSERT((*group.train)[bit]);
        if (options.kind == SplitKind::kTimeCut) {
          RC_ASSERT(!(*group.train)[bit] || (*made->asked.train)[bit]);
        }
      }
    }
  }
}

TEST(UserFolds, RefusesGroupsThatAskNobody) {
  const Dataset two = liked_rows(2, 4, TimeKind::kReal);
  const SplitOptions options{.kind = SplitKind::kLeaveLastOut};
  for (const size_t folds : {size_t{0}, size_t{1}, kFoldsMax + 1, size_t{50}}) {
    const auto made = make_user_folds(two, options, folds);
    ASSERT_FALSE(made) << folds;
    EXPECT_EQ(made.error().code, Code::kInvalidArgument);
  }
}

TEST(UserFolds, GroupsAreAboutTheSameSize) {
  const Dataset many = liked_rows(1000, 2, TimeKind::kReal);
  std::vector<size_t> users(5);
  for (uint32_t user = 0; user < 1000; ++user) ++users[fold_of(many.user_id({user}), 5, 1)];
  EXPECT_THAT(users, testing::Each(testing::AllOf(testing::Gt(140U), testing::Lt(260U))));
}

}  // namespace
}  // namespace palate
