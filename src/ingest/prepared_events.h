// What can be done with a batch of events before the one writer sees it: identities, unknown items,
// blocks. Runs on the submitter's thread, so that the writer only looks up, appends and folds.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "events/block.h"
#include "events/event.h"
#include "events/event_types.h"
#include "features/catalogue.h"

namespace palate {

struct PreparedEvents {
  EventBatch batch;                             // of many rows there may be only the blocks
  std::vector<Hash128> identities;              // one a row; may be missing where `source` is given
  std::vector<std::string_view> unknown_items;  // distinct; the catalogue did not have them yet
  std::vector<EncodedBlock> blocks;             // of all rows in order; empty for a small batch
  // Not 0: the rows of all submissions with this number differ from each other, because they come
  // from one file and were numbered by one OccurrenceCounter. See Ingest::new_source().
  uint64_t source = 0;
  [[nodiscard]] size_t rows() const;
};

// Errors: kInvalidArgument for a row whose type is not one of `types`. Thread-safe.
Result<PreparedEvents> prepare_events(EventBatch batch, const EventTypes& types,
                                      const Catalogue& items);

std::vector<Hash128> identities_of(std::span<const EventView> rows, const EventTypes& types);
// Gets rows and identities that are missing back from the blocks.
Status complete(PreparedEvents& events, const EventTypes& types);

}  // namespace palate
