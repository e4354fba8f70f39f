#include "dataset/split.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/hash.h"

namespace palate {
namespace {

using Bitmap = std::vector<bool>;

size_t count(const Bitmap& bits) {
  return static_cast<size_t>(std::count(bits.begin(), bits.end(), true));
}

struct Parts {
  TimeUs cut{};
  Bitmap train, test;
};

// What test rows are made of: what somebody liked, and every rating.
bool can_test(const Dataset& dataset, const HistoryEntry& row) {
  return row.preference > 0 || dataset.is_rating(row);
}

// Everything from the cut on is the future; what cannot be test there is nobody's.
Parts cut_by_time(const Dataset& dataset, double test_share) {
  std::vector<TimeUs> times;
  times.reserve(dataset.interactions());
  for (uint32_t user = 0; user < dataset.users(); ++user) {
    for (const auto& row : dataset.of({user})) times.push_back(row.ts);
  }
  Parts parts;
  const auto wanted = std::llround(test_share * static_cast<double>(times.size()));
  const auto tests = std::clamp<long long>(wanted, 1, static_cast<long long>(times.size()));
  std::nth_element(times.begin(), times.end() - tests, times.end());
  parts.cut = *(times.end() - tests);
  for (uint32_t user = 0; user < dataset.users(); ++user) {
    for (const auto& row : dataset.of({user})) {
      parts.train.push_back(row.ts < parts.cut);
      parts.test.push_back(row.ts >= parts.cut && can_test(dataset, row));
    }
  }
  return parts;
}

// A user's last liked row is test; what the user did after it is nobody's.
Parts leave_last_out(const Dataset& dataset) {
  Parts parts;
  for (uint32_t user = 0; user < dataset.users(); ++user) {
    const auto rows = dataset.of({user});
    size_t last = rows.size();
    while (last > 0 && !(rows[last - 1].preference > 0)) --last;
    const bool leave_out = last >= 2;  // something must be left to train on
    for (size_t i = 0; i < rows.size(); ++i) {
      parts.train.push_back(!leave_out || i + 1 < last);
      parts.test.push_back(leave_out && i + 1 == last);
    }
  }
  return parts;
}

uint64_t draw(uint64_t seed, uint64_t user, uint64_t row) {
  const std::array<uint64_t, 2> key{user, row};
  return hash64({reinterpret_cast<const char*>(key.data()), sizeof key}, seed);
}

// How many of a user's `rows` are test: the share, rounded up or down at random so that it holds on
// average for short histories too; one row stays.
size_t tests_of(size_t rows, double test_share, uint64_t drawn) {
  if (rows < 2) return 0;
  const double uniform = static_cast<double>(drawn >> 11) * 0x1p-53;
  const double tests = std::floor(test_share * static_cast<double>(rows) + uniform);
  return std::min(rows - 1, static_cast<size_t>(tests));
}

Parts hold_out(const Dataset& dataset, const SplitOptions& options) {
  constexpr uint64_t kCountDraw = ~uint64_t{0};  // no row has this number
  Parts parts;
  std::vector<std::pair<uint64_t, size_t>> order;  // of a user's rows, by what was drawn for each
  for (uint32_t user = 0; user < dataset.users(); ++user) {
    const auto rows = dataset.of({user});
    const size_t first = parts.train.size();
    parts.train.resize(first + rows.size(), true);
    parts.test.resize(first + rows.size(), false);
    const size_t tests =
        tests_of(rows.size(), options.test_share, draw(options.seed, user, kCountDraw));
    order.clear();
    for (size_t i = 0; i < rows.size(); ++i) order.emplace_back(draw(options.seed, user, i), i);
    std::nth_element(order.begin(), order.begin() + static_cast<ptrdiff_t>(tests), order.end());
    for (size_t i = 0; i < tests; ++i) {
      const size_t row = order[i].second;
      if (!can_test(dataset, rows[row])) continue;
      parts.train[first + row] = false;
      parts.test[first + row] = true;
    }
  }
  return parts;
}

Status check_options(const Dataset& dataset, const SplitOptions& options) {
  if (options.kind == SplitKind::kTimeCut && dataset.time() != TimeKind::kReal) {
    return fail(Code::kInvalidArgument,
                "a time cut needs real times, which this data does not have; leave the last row of "
                "each user out, or hold a share out");
  }
  if (options.kind == SplitKind::kLeaveLastOut && dataset.time() == TimeKind::kNone) {
    return fail(Code::kInvalidArgument,
                "to leave the last row of each user out, the data needs an order, which it does "
                "not have; hold a share out");
  }
  if (options.kind != SplitKind::kLeaveLastOut &&
      !(options.test_share > 0 && options.test_share < 1)) {
    return fail(Code::kInvalidArgument, "test_share is {}, expected between 0 and 1",
                options.test_share);
  }
  if (dataset.interactions() == 0) {
    return fail(Code::kInvalidArgument, "there are no interactions to split; import events first");
  }
  return {};
}

}  // namespace

SplitKind default_split(TimeKind time) {
  switch (time) {
    case TimeKind::kReal:
      return SplitKind::kTimeCut;
    case TimeKind::kOrder:
      return SplitKind::kLeaveLastOut;
    case TimeKind::kNone:
      break;
  }
  return SplitKind::kHoldOut;
}

Result<Split> make_split(const Dataset& dataset, const SplitOptions& options) {
  TRY(check_options(dataset, options));
  Parts parts;
  switch (options.kind) {
    case SplitKind::kTimeCut:
      parts = cut_by_time(dataset, options.test_share);
      break;
    case SplitKind::kLeaveLastOut:
      parts = leave_last_out(dataset);
      break;
    case SplitKind::kHoldOut:
      parts = hold_out(dataset, options);
      break;
    case SplitKind::kFile:
      return fail(Code::kInvalidArgument, "this split needs a file of test rows");
  }
  const size_t train = count(parts.train), test = count(parts.test);
  if (train == 0 || test == 0) {
    return fail(Code::kInvalidArgument,
                "the split leaves {} rows to train and {} to test of {}; it needs more data or "
                "another share",
                train, test, dataset.interactions());
  }
  return Split{options.kind,
               parts.cut,
               std::make_shared<const Bitmap>(std::move(parts.train)),
               std::make_shared<const Bitmap>(std::move(parts.test)),
               {},
               0};
}

std::string Split::describe() const {
  std::string how;
  switch (kind) {
    case SplitKind::kTimeCut:
      how = "time cut at " + format_rfc3339(cut);
      break;
    case SplitKind::kLeaveLastOut:
      how = "each user's last liked row left out";
      break;
    case SplitKind::kHoldOut:
      how = "seeded share of each user's rows held out";
      break;
    case SplitKind::kFile:
      how = fmt::format("test rows of {} ({})", file.name, file.hash);
      break;
  }
  if (folds > 0)
    how = fmt::format("users in {} groups, each asked of a model trained on the others; {}", folds,
                      how);
  return fmt::format("{}: {} rows train, {} test", how, count(*train), count(*test));
}

}  // namespace palate
