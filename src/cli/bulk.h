// Lists for many users at once, from a file of ids to a file of JSON lines.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/threads.h"
#include "recommend/recommender.h"

namespace palate {

struct BulkJob {
  const Recommender* recommender = nullptr;
  std::string users_file;    // one id a line; empty lines are skipped
  std::string out_file;      // appears when all is written
  RecommendRequest request;  // what each user is asked with; its `user` is not read
  ThreadPool* pool = nullptr;
};

struct BulkCounts {
  uint64_t users = 0, personalized = 0;
};

// One line a user, in the order of the ids: {"user", "personalized", "items": [{"item", "score"}]}.
// Errors: those of files and of recommend(), kCancelled when the process is asked to stop.
Result<BulkCounts> recommend_in_bulk(const BulkJob& job);

}  // namespace palate
