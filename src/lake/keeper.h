// Compacts on a schedule beside a running server: one thread of the lowest priority. Errors go to
// the program's log, and the next turn tries again.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "lake/compaction.h"

namespace palate::lake {

class LakeKeeper {
 public:
  // Everything that `source` points to outlives it. `config.every_s` is above 0; the first
  // compaction begins after so long.
  LakeKeeper(LakeDirectory lake, CompactionSource source, LakeConfig config);
  // Stops: a compaction under way ends within about a second, with what its last manifest has.
  ~LakeKeeper();
  LakeKeeper(const LakeKeeper&) = delete;
  LakeKeeper& operator=(const LakeKeeper&) = delete;

 private:
  void loop(const std::stop_token& stop);
  const LakeDirectory lake_;
  const CompactionSource source_;
  const LakeConfig config_;
  std::mutex mutex_;
  std::condition_variable_any woken_;
  std::jthread thread_;
};

}  // namespace palate::lake
