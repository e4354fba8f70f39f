#include "ingest/prepared_events.h"

#include <memory>
#include <unordered_set>

namespace palate {
namespace {

// From so many rows on blocks are full enough to be logged as they are; fewer rows are put together
// with those of other submitters.
constexpr size_t kOwnBlocksRows = 4096;

}  // namespace

size_t PreparedEvents::rows() const {
  if (!batch.rows.empty()) return batch.rows.size();
  size_t count = 0;
  for (const EncodedBlock& block : blocks) count += block.count;
  return count;
}

// A log may hold types that are no longer declared: they count as nameless.
std::vector<Hash128> identities_of(std::span<const EventView> rows, const EventTypes& types) {
  std::vector<Hash128> identities;
  identities.reserve(rows.size());
  for (const EventView& row : rows) {
    const bool known = row.type.value < types.size();
    identities.push_back(
        event_identity(row, known ? std::string_view(types.at(row.type).name) : ""));
  }
  return identities;
}

Status complete(PreparedEvents& events, const EventTypes& types) {
  if (events.batch.rows.empty()) {
    for (const EncodedBlock& block : events.blocks) {
      auto decoded = std::make_shared<EventBatch>(TRY(decode_events(block.bytes, types)));
      events.batch.rows.insert(events.batch.rows.end(), decoded->rows.begin(), decoded->rows.end());
      decoded->rows = {};
      events.batch.arena.keep(std::move(decoded));
    }
  }
  if (events.identities.empty()) events.identities = identities_of(events.batch.rows, types);
  return {};
}

Result<PreparedEvents> prepare_events(EventBatch batch, const EventTypes& types,
                                      const Catalogue& items) {
  for (const EventView& row : batch.rows) {
    if (row.type.value < types.size()) continue;
    return fail(Code::kInvalidArgument, "an event of user '{}' has no declared type", row.user);
  }
  PreparedEvents prepared;
  prepared.identities = identities_of(batch.rows, types);
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
