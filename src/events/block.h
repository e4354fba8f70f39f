// The log's record: a block of up to 64 KiB, columnar, checksummed (docs/formats/log-block.md).
// Event type names, user and item names are a dictionary inside the block, so a block can be read
// without any other state.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "events/decision.h"
#include "events/event.h"
#include "events/event_types.h"

namespace palate {

// A block ends before the row that would pass this; only a single longer record may be larger.
inline constexpr size_t kBlockBytesMax = 64 * 1024;

struct EncodedBlock {
  std::string bytes;
  uint32_t count = 0;
};

// What a block says about itself, after its checksum was verified. Errors: kCorrupt,
// kUnsupportedVersion.
struct BlockInfo {
  Stream kind = Stream::kEvents;
  uint32_t count = 0;
};
Result<BlockInfo> inspect_block(std::string_view bytes);

// Cuts rows into blocks. Order is kept; the same rows give the same bytes. The type of each row
// must be one of `types`, a record no longer than kRecordBytesMax (events/limits.h).
std::vector<EncodedBlock> encode_events(std::span<const EventView> rows, const EventTypes& types);
std::vector<EncodedBlock> encode_items(std::span<const ItemRecord> items);
std::vector<EncodedBlock> encode_users(std::span<const UserRecord> users);
std::vector<EncodedBlock> encode_decisions(std::span<const DecisionRecord> decisions);

// The rows of a block; strings live in the batch. A type name that `types` does not know gets
// EventTypeId{} (invalid) and is to be treated as neutral. A row or record that was erased has no
// user or id and says nothing (events/erase_rows.h). Errors: kCorrupt, kUnsupportedVersion.
// Never reads outside `bytes`, whatever they are.
Result<EventBatch> decode_events(std::string_view bytes, const EventTypes& types);
// The names of the types in a block of events, known or not. Errors: as decode_events.
Result<std::vector<std::string>> block_type_names(std::string_view bytes);
// They as types: what the block's rows can be encoded with again. Errors: as decode_events.
Result<EventTypes> block_types(std::string_view bytes);
Result<std::vector<ItemRecord>> decode_items(std::string_view bytes);
Result<std::vector<UserRecord>> decode_users(std::string_view bytes);
Result<std::vector<DecisionRecord>> decode_decisions(std::string_view bytes);

// The identity of an event for deduplication: the hash of the client's event_id, or, where none was
// given, of the content (type name, user, item, ts, value, request_id, slot, context) and the
// occurrence number, so that genuine repeats stay and a second import of the same file adds
// nothing.
Hash128 event_identity(const EventView& row, std::string_view type_name);

}  // namespace palate
