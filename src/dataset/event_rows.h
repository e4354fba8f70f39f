// One block of events as rows of a dataset, for the files of this room only.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "events/event_types.h"
#include "events/log.h"
#include "features/history.h"
#include "ids/item_interner.h"
#include "ids/keyed_hash.h"

namespace palate {

// The rows of a block that say something about taste. `user` holds places in `users`, which are the
// block's distinct users in order of first appearance.
struct EventRows {
  std::vector<HistoryEntry> rows;
  std::vector<uint32_t> user;
  std::vector<UserId> users;
};

struct EventRowsContext {
  const EventTypes* types;
  const KeyedHash* hash;
  const ItemInterner* items;
  uint64_t end_offset;  // events from here on are not seen
};

// Thread-safe. Errors: those of decode_events; kInvalidArgument for an item that is not in `items`.
Result<EventRows> read_event_rows(std::string_view block, Position first,
                                  const EventRowsContext& context);

}  // namespace palate
