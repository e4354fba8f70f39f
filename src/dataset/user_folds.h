// Users in groups: each group's users are asked of a model that was trained on the others, and had
// nothing of them but what they did before (strong generalization: Marlin, "Collaborative
// filtering: a machine learning perspective", 2004, section 3.3).
#pragma once

#include <vector>

#include "dataset/split.h"

namespace palate {

inline constexpr size_t kFoldsMax = 100;

// The group of a user, drawn by the id: the same whoever else is there.
size_t fold_of(const UserId& user, size_t folds, uint64_t seed);

struct UserFolds {
  // What is asked: `train` is what users did before, `test` what came then.
  Split asked;
  // A group each: what its model may train on, and the test rows of its users. Training rows are
  // all that others did; with a time cut only what lies before it.
  std::vector<Split> groups;
};
// Errors: those of make_split(), kInvalidArgument for less than 2 or more than kFoldsMax groups, or
// where one has nobody to ask or nothing to train on.
Result<UserFolds> make_user_folds(const Dataset& dataset, const SplitOptions& options,
                                  size_t folds);

}  // namespace palate
