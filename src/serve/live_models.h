// Which Recommender answers. A thread watches the registry, loads a new release beside the one that
// serves, and swaps; a release that does not load is reported and the old one serves on. The one
// before is kept, so that cursors given out by it still page on. A release whose models know items
// that came after training (models/later_items.h) is loaded again once there are some.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "features/live_state.h"
#include "recommend/pipeline.h"
#include "recommend/recommender.h"
#include "registry/registry.h"

namespace palate {

class LiveModels {
 public:
  struct Parts {
    Path tenant_directory;
    const LiveState* state = nullptr;
    const Pipelines* pipelines = nullptr;
    std::string pipeline = "plain";           // where a request names none
    const DecisionSink* decisions = nullptr;  // nullptr: none are logged
    double poll_ms = 200;
  };
  // Tries the current release before it returns, so a server with a good release is ready at once.
  explicit LiveModels(Parts parts);
  ~LiveModels();
  LiveModels(const LiveModels&) = delete;
  LiveModels& operator=(const LiveModels&) = delete;

  struct Pair {
    std::shared_ptr<const Recommender> current;   // nullptr: none has been loaded
    std::shared_ptr<const Recommender> previous;  // of the release before, or nullptr
  };
  // Thread-safe; a mutex held for two pointer copies.
  [[nodiscard]] Pair get() const;
  // kUnavailable where none has been loaded. Thread-safe.
  [[nodiscard]] Result<std::shared_ptr<const Recommender>> current() const;

  // Looks at once instead of at the next poll, and tries a release again that failed. Thread-safe.
  void look_now();

  struct Report {
    uint64_t release = 0;         // 0: none
    uint64_t failed_release = 0;  // one that is current in the registry but does not load
    std::string failure;          // why; empty: nothing is wrong
    uint64_t loads = 0, failures = 0;
    std::vector<FeatureDrift::Shift> shifts;  // of what the release's ranker reads
  };
  [[nodiscard]] Report report() const;

 private:
  void watch(const std::stop_token& stop);
  void look();
  bool catalogue_has_moved();
  void install(const Release& release);
  void note_failure(uint64_t release, const Error& error);

  const Parts parts_;
  const Registry registry_;
  mutable std::mutex mutex_;
  Pair pair_;
  Report report_;
  std::mutex looking_;       // one look at a time
  int64_t retry_at_us_ = 0;  // guarded by it; steady clock
  int64_t read_at_us_ = 0;   // likewise: when models and catalogue were last compared …
  uint64_t read_ = 0;        // … and what was the same then
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace palate
