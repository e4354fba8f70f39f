// Rows that already have the order in which they are to be logged: encoded side by side as they
// come, so that only blocks (about 5 to 20 bytes a row) and the items that nobody knew are kept.
// Blocks depend on the batches alone, not on threads. Not thread-safe.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "events/encoded_rows.h"
#include "events/event.h"
#include "events/event_types.h"
#include "features/catalogue.h"
#include "ids/item_interner.h"
#include "ingest/prepared_events.h"

namespace palate {

class OrderedBlocks {
 public:
  OrderedBlocks(const EventTypes& types, const Catalogue& items, ThreadPool& pool)
      : types_(types), catalogue_(items), pool_(pool) {}

  // `source` as in PreparedEvents; with 0 the identities are computed. Rows have declared types.
  Status add(EventBatch batch, uint64_t source);
  // Rows that are encoded already; without identities where `source` is 0 nothing can be done.
  Status add(EncodedRows rows, uint64_t source);
  // What is encoded by now, in order, in submissions of up to four million rows; rows still wait
  // for others to be encoded with.
  std::vector<PreparedEvents> take_encoded();
  // Everything.
  Result<std::vector<PreparedEvents>> take_all();
  [[nodiscard]] size_t bytes() const { return bytes_; }  // of what is encoded

 private:
  struct Waiting {
    EventBatch batch;
    uint64_t source = 0;
    PreparedEvents encoded;
    std::vector<std::string_view> new_names, known_names;  // of items, distinct
  };
  Status encode_waiting();
  void encode(Waiting& waiting) const;
  void find_new_items(Waiting& waiting) const;
  void keep(PreparedEvents next);

  const EventTypes& types_;
  const Catalogue& catalogue_;
  ThreadPool& pool_;
  ItemInterner names_;  // of items that need no look at the catalogue any more
  std::vector<Waiting> waiting_;
  std::vector<PreparedEvents> encoded_;
  size_t bytes_ = 0;
};

}  // namespace palate
