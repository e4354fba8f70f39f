// What an evaluation measured for each user, in a file beside its report, so that another one of
// the same users can be compared with it later: <kind>.values.
#pragma once

#include "base/file.h"
#include "evaluate/evaluate.h"

namespace palate {

Status save_user_values(const Report& report, const Dataset& data, const Path& path);

// As much of a report as compare() needs: model, split, options, names of metrics with their means
// and the users' values; `user_rows` count up, `users` says who they are. Errors: kCorrupt.
struct UserValues {
  Report report;
  std::vector<UserId> users, rating_users;
};
Result<UserValues> load_user_values(const Path& path);

// Refuses others than the same users in the same order.
Status check_same_users(const UserValues& a, const UserValues& b);

}  // namespace palate
