// Folding many events at once: rows are resolved block by block (item, taste, user), gathered by
// user over all blocks, and each user's state is read, folded and encoded once. Both steps cut
// their work by the input alone, so the bytes do not depend on threads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/threads.h"
#include "events/event.h"
#include "events/event_types.h"
#include "features/catalogue.h"
#include "features/history.h"
#include "features/item_popularity.h"
#include "features/name_table.h"
#include "ids/keyed_hash.h"
#include "store/state_store.h"

namespace palate {

// What the events of some blocks that follow each other say about taste, gathered by user.
struct ResolvedBlock {
  struct User {
    uint64_t hash = 0;  // of the name
    std::string_view name;
    uint32_t begin = 0, end = 0;  // in `entries`
  };
  std::vector<User> users;  // in order of first appearance
  std::vector<HistoryEntry> entries;
  std::vector<ItemPopularity::Change> changes;
  std::vector<ItemIx> changed;  // the items of `changes`, ascending, distinct
  Arena names;

  [[nodiscard]] size_t bytes() const;  // roughly, without changes
};

struct ResolveRequest {
  std::span<const EventView> rows;
  uint64_t first = 0;  // offset of the first row
  uint64_t from = 0;   // rows before this offset were folded already and are left out
};

// Takes the rows of one block after the other, and keeps nothing that points into them.
class Resolver {
 public:
  struct Parts {
    const Catalogue::View* items;
    const EventTypes* types;
    size_t rows_max = 0;  // of all requests together
  };
  explicit Resolver(Parts parts);
  // Errors: kCorrupt for an item that the catalogue does not have.
  Status add(const ResolveRequest& request);
  ResolvedBlock finish() &&;

 private:
  Parts parts_;
  NameTable users_;
  std::vector<uint64_t> hashes_;   // of the users of one request
  std::vector<uint32_t> user_of_;  // of each entry
  ResolvedBlock block_;
};

struct FoldParts {
  const EventTypes* types;
  const KeyedHash* hash;
  const StateStore* store;
  HistoryLimits limits;
  bool store_is_empty = false;  // nothing to read: nobody has a state yet
};

std::string user_key(const UserId& id);
// The user's state in the store, or nullopt.
Result<std::optional<UserState>> read_user(const FoldParts& parts, std::string_view name);
// What is to be written after folding all blocks, which are in log order. `pool` may be nullptr.
Result<std::vector<StateStore::Put>> fold_blocks(const FoldParts& parts,
                                                 std::span<const ResolvedBlock> blocks,
                                                 ThreadPool* pool);

}  // namespace palate
