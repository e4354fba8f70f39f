// The events of a log, folded into the store without anything that stays in memory: for what the
// store has not seen when a process starts, and for imports.
#pragma once

#include <functional>
#include <stop_token>

#include "base/threads.h"
#include "events/log.h"
#include "features/catalogue.h"
#include "features/fold.h"
#include "features/item_popularity.h"
#include "features/live_position.h"

namespace palate {

// A block as it was read from the log.
struct LoggedBlock {
  uint64_t first = 0;
  uint32_t count = 0;
  std::string bytes;
};
struct ResolveParts {
  const EventTypes* types;
  const Catalogue::View* view;
  ItemPopularity* popularity;  // is moved, unless the resolver is for [features]
  bool all_events = false;     // for [features]: not only what says something about taste
  uint64_t from = 0;           // rows before it were folded already
};
// Blocks that follow each other. Errors: kCorrupt.
Result<ResolvedBlock> resolve_blocks(std::span<const LoggedBlock> blocks, const ResolveParts& parts,
                                     Resolver& resolver, TasteColumns& columns);

class LogFold {
 public:
  struct Parts {
    FoldParts fold;
    StateStore* store;
    const Catalogue* catalogue;
    ItemPopularity* popularity;
    ItemSignals* signals = nullptr;                  // without [features]
    std::function<void(const LivePosition&)> moved;  // what is before it is in the store
  };
  explicit LogFold(Parts parts) : parts_(std::move(parts)) {}
  // From `position` to the end of the log. After an error popularity may be ahead of the store.
  Status run(const EventLog& log, const LivePosition& position, const std::stop_token& stop);

 private:
  struct Gathered;
  Status resolve_all(std::span<const LoggedBlock> blocks, Gathered& gathered, ThreadPool& pool);
  Status fold(Gathered gathered, ThreadPool& pool);
  Status fold_users(UserFold& users, StateStore::Bulk& bulk, ThreadPool& pool) const;
  void fold_items(Gathered& gathered, const UserFold& users) const;
  Parts parts_;
  LivePosition position_;
};

}  // namespace palate
