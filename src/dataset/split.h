// Chronological splits. A split holds, a user, which rows train and which test; no row is both.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "dataset/dataset.h"

namespace palate {

enum class SplitKind : uint8_t {
  kTimeCut,       // everything from a moment on is test: needs real times
  kLeaveLastOut,  // each user's last row is test: needs an order
  kHoldOut,       // a seeded share of each user's rows: for data without any time
  kFile,          // what a file says is test: published splits (dataset/file_split.h)
};

struct SplitOptions {
  SplitKind kind = SplitKind::kTimeCut;
  double test_share =
      0.1;  // kTimeCut: the newest share of rows; kHoldOut: the share of each user's rows
  uint64_t seed = 1;
};

// What came of a file of test rows.
struct TestFileFacts {
  std::string name, hash;        // of the file; XXH3-128 of its bytes
  uint64_t rows = 0;             // that say something about taste
  uint64_t refused = 0;          // that could not be read
  uint64_t neutral = 0;          // that say nothing about taste
  uint64_t repeated = 0;         // whose pair of user and item was there before; taken once
  uint64_t in_training = 0;      // whose pair the log has, too
  uint64_t users_untrained = 0;  // users without training rows
  uint64_t items_untrained = 0;  // items without training rows: nobody can recommend them
  bool operator==(const TestFileFacts&) const = default;
};

struct Split {
  SplitKind kind;
  TimeUs cut;                                      // kTimeCut only
  std::shared_ptr<const std::vector<bool>> train;  // bitmap over all rows
  std::shared_ptr<const std::vector<bool>> test;   // disjoint from train
  TestFileFacts file = {};                         // kFile only
  size_t folds = 0;                            // groups of users (dataset/user_folds.h); 0: none
  [[nodiscard]] std::string describe() const;  // one line for reports
};

// What the data's times allow: kReal → kTimeCut, kOrder → kLeaveLastOut, kNone → kHoldOut.
SplitKind default_split(TimeKind time);
// Not kFile: that is split_by_file(). Errors: kInvalidArgument where the times do not allow the
// split or a part would be empty.
Result<Split> make_split(const Dataset& dataset, const SplitOptions& options);
// kInternal error that counts and names rows if a row of `split.test` is visible in what the
// trainer says it has seen.
Status check_no_leak(const Dataset& dataset, const Split& split,
                     const DatasetView::Seen& trained_on);

}  // namespace palate
