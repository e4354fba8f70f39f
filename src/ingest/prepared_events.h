// What can be done with a batch of events before the one writer sees it: identities, unknown items,
// blocks. Runs on the submitter's thread, so that the writer only looks up, appends and folds.
#pragma once

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
  EventBatch batch;
  std::vector<Hash128> identities;              // one a row
  std::vector<std::string_view> unknown_items;  // distinct; the catalogue did not have them yet
  std::vector<EncodedBlock> blocks;             // of all rows in order; empty for a small batch
};

// Errors: kInvalidArgument for a row whose type is not one of `types`. Thread-safe.
Result<PreparedEvents> prepare_events(EventBatch batch, const EventTypes& types,
                                      const Catalogue& items);

}  // namespace palate
