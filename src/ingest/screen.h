// Is a file of events like those that came from the same source before? One that is not is set
// aside as a whole before anything of it is merged, and waits for somebody to say (`palate
// quarantine release`). What is usual is learnt from the last batches.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "events/event.h"
#include "events/event_types.h"

namespace palate {

// What is known of a batch. Shares and values are those of its first kProfileRows rows.
struct BatchProfile {
  uint64_t rows = 0;     // refused ones included
  uint64_t refused = 0;  // of them
  std::map<std::string, uint64_t> types;
  uint64_t values = 0;
  double value_mean = 0;
  double value_squares = 0;  // sum of squared differences to the mean (Welford 1962)

  static constexpr uint64_t kProfileRows = 1'000'000;
  void add(std::span<const EventView> events, const EventTypes& names);
};

struct ScreenRules {
  double error_budget = 0.5;  // share of rows that may be refused
  double volume_factor = 10;  // so many times the usual rows, or that part of them
  double types_shift = 0.5;   // total variation distance of the types' shares to the usual, 0 to 1
  double values_shift = 3;    // of the mean, in standard deviations of single values
};

// What is unusual about it, each in a sentence; empty: nothing. Before kBatchesToJudge batches only
// errors count.
std::vector<std::string> judge_batch(const BatchProfile& batch,
                                     std::span<const BatchProfile> before,
                                     const ScreenRules& rules);
inline constexpr size_t kBatchesToJudge = 3;
inline constexpr uint64_t kRowsToJudge = 100;  // fewer say nothing about a share

// The name of the source that a file is one of: "clicks-2026-11-20.csv" and "clicks-2026-11-21.csv"
// are batches of "clicks-#-#-#.csv".
std::string source_of(std::string_view file_name);

// The newest profiles of one source, oldest first, as kept in the data directory.
inline constexpr size_t kProfilesKept = 20;
std::string to_json(std::span<const BatchProfile> profiles);
Result<std::vector<BatchProfile>> profiles_from_json(std::string_view json);

}  // namespace palate
