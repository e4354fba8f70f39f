#include "ingest/prepared_events.h"

#include <unordered_set>

namespace palate {
namespace {

// From so many rows on blocks are full enough to be logged as they are; fewer rows are put together
// with those of other submitters.
constexpr size_t kOwnBlocksRows = 4096;

}  // namespace

Result<PreparedEvents> prepare_events(EventBatch batch, const EventTypes& types,
                                      const Catalogue& items) {
  PreparedEvents prepared;
  prepared.identities.reserve(batch.rows.size());
  for (const EventView& row : batch.rows) {
    if (row.type.value >= types.size()) {
      return fail(Code::kInvalidArgument, "an event of user '{}' has no declared type", row.user);
    }
    prepared.identities.push_back(event_identity(row, types.at(row.type).name));
  }
  {
    const Catalogue::View view = items.view();
    std::unordered_set<std::string_view> unknown;
    for (const EventView& row : batch.rows) {
      if (row.item.empty() || view.find(row.item)) continue;
      if (unknown.insert(row.item).second) prepared.unknown_items.push_back(row.item);
    }
  }
  if (batch.rows.size() >= kOwnBlocksRows) prepared.blocks = encode_events(batch.rows, types);
  prepared.batch = std::move(batch);
  return prepared;
}

}  // namespace palate
