// A simulated world behind a recommender, in one process and on the world's own clock: what happens
// is logged and folded as a server does it, items come when they are released, models are trained
// on the log, and pipelines answer. One at a time: the clock and the ids of answers are the
// process's.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/threads.h"
#include "events/block.h"
#include "features/live_state.h"
#include "features/memory_parts_for_test.h"
#include "models/catalog.h"
#include "recommend/pipeline.h"
#include "recommend/recommender.h"
#include "registry/registry.h"
#include "simulate/world.h"

namespace palate::bench {

class ServedWorld {
 public:
  // The world must outlive it.
  explicit ServedWorld(const World& world);
  ~ServedWorld();
  ServedWorld(const ServedWorld&) = delete;
  ServedWorld& operator=(const ServedWorld&) = delete;

  // Everybody, and the items of the first moment.
  Status begin();
  // What happened, in order of time; items that were released meanwhile come before it.
  Status observe(std::span<const Happening> some);
  // Trains on all that was logged; its models answer from here on.
  Status train();
  // As the server answers at that moment. After train().
  Result<Slate> recommend(const RecommendRequest& request, TimeUs at);

  [[nodiscard]] uint32_t world_item(ItemIx item) const { return items_[item.value]; }
  [[nodiscard]] const LiveState& live() const { return *live_; }
  Pipelines pipelines;

 private:
  Status release_until(TimeUs at);
  Result<Position> append(Stream stream, std::vector<EncodedBlock> blocks);

  const World& world_;
  const std::filesystem::path folder_;
  const EventTypes types_ = EventTypes::defaults();
  const KeyedHash hash_{{}, Tenant()};
  ModelConfigs configs_;
  ThreadPool pool_;
  MemoryLog log_;
  MemoryStore store_;
  std::unique_ptr<LiveState> live_;
  Registry registry_;
  struct Launch {
    TimeUs at;
    uint32_t item = 0;
  };
  std::vector<Launch> launches_;  // still to come, the next one last
  std::vector<uint32_t> items_;   // of the world, by ItemIx
  std::shared_ptr<const Recommender> recommender_;
};

// Ends the program with the error.
void must(const Status& status);
template <class T>
T must(Result<T> result) {
  if (!result) must(std::unexpected(result.error()));
  return *std::move(result);
}

}  // namespace palate::bench
