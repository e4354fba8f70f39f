#include "dataset/user_folds.h"

#include <algorithm>

#include "base/hash.h"

namespace palate {
namespace {

// The part of `asked` that group `fold` is about.
Split group_of(const Dataset& dataset, const Split& asked, const std::vector<size_t>& fold_of_user,
               size_t fold) {
  auto train = std::make_shared<std::vector<bool>>(dataset.interactions());
  auto test = std::make_shared<std::vector<bool>>(dataset.interactions());
  for (uint32_t user = 0; user < dataset.users(); ++user) {
    const bool mine = fold_of_user[user] == fold;
    for (uint64_t bit = dataset.row_start()[user]; bit < dataset.row_start()[user + 1]; ++bit) {
      (*test)[bit] = mine && (*asked.test)[bit];
      (*train)[bit] = !mine && (asked.kind != SplitKind::kTimeCut || (*asked.train)[bit]);
    }
  }
  Split group = asked;
  group.train = std::move(train);
  group.test = std::move(test);
  return group;
}

}  // namespace

size_t fold_of(const UserId& user, size_t folds, uint64_t seed) {
  return hash64(user.bytes(), seed) % folds;
}

Result<UserFolds> make_user_folds(const Dataset& dataset, const SplitOptions& options,
                                  size_t folds) {
  if (folds < 2 || folds > kFoldsMax) {
    return fail(Code::kInvalidArgument, "{} groups of users; 2 to {} can be made", folds,
                kFoldsMax);
  }
  UserFolds made{TRY(make_split(dataset, options)), {}};
  made.asked.folds = folds;
  std::vector<size_t> fold_of_user;
  for (uint32_t user = 0; user < dataset.users(); ++user) {
    fold_of_user.push_back(fold_of(dataset.user_id({user}), folds, options.seed));
  }
  for (size_t fold = 0; fold < folds; ++fold) {
    made.groups.push_back(group_of(dataset, made.asked, fold_of_user, fold));
    const Split& group = made.groups.back();
    if (std::ranges::find(*group.train, true) == group.train->end() ||
        std::ranges::find(*group.test, true) == group.test->end()) {
      return fail(Code::kInvalidArgument,
                  "with {} groups of {} users one has nobody to ask, or nothing to train on; make "
                  "fewer groups",
                  folds, dataset.users());
    }
  }
  return made;
}

}  // namespace palate
