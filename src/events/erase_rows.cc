#include "events/erase_rows.h"

namespace palate {
namespace {

// The types of the block itself, so that those which nobody declares any more keep their names.
Result<EventTypes> types_of(std::string_view bytes) {
  EventTypes types;
  for (std::string& name : TRY(block_type_names(bytes))) {
    EventType type;
    type.name = std::move(name);
    TRY(types.declare(std::move(type)));
  }
  return types;
}

void count(ErasedBlock& erased, std::string_view user) {
  const auto at = erased.rows.find(user);
  if (at == erased.rows.end()) {
    erased.rows.emplace(user, 1);
  } else {
    ++at->second;
  }
}

Result<std::optional<ErasedBlock>> erase_events(std::string_view bytes, const Position& first,
                                                const VisibleFrom& visible_from) {
  const EventTypes types = TRY(types_of(bytes));
  EventBatch batch = TRY(decode_events(bytes, types));
  ErasedBlock out;
  std::string_view user;
  uint64_t from = 0;
  for (size_t i = 0; i < batch.rows.size(); ++i) {
    EventView& row = batch.rows[i];
    if (row.user.empty()) continue;  // erased before
    if (row.user != user) {
      user = row.user;
      from = visible_from(first.stream, user);
    }
    if (first.offset + i >= from) continue;
    count(out, row.user);
    EventView erased;
    erased.type = row.type;
    erased.ts = row.ts;
    erased.received = row.received;
    row = erased;
  }
  if (out.rows.empty()) return std::nullopt;
  out.blocks = encode_events(batch.rows, types);
  return out;
}

Result<std::optional<ErasedBlock>> erase_users(std::string_view bytes, const Position& first,
                                               const VisibleFrom& visible_from) {
  std::vector<UserRecord> records = TRY(decode_users(bytes));
  ErasedBlock out;
  for (size_t i = 0; i < records.size(); ++i) {
    if (records[i].id.empty() || first.offset + i >= visible_from(first.stream, records[i].id)) {
      continue;
    }
    count(out, records[i].id);
    records[i] = {};
  }
  if (out.rows.empty()) return std::nullopt;
  out.blocks = encode_users(records);
  return out;
}

}  // namespace

Result<std::optional<ErasedBlock>> erase_rows(std::string_view bytes, const Position& first,
                                              const VisibleFrom& visible_from) {
  if (first.stream == Stream::kEvents) return erase_events(bytes, first, visible_from);
  if (first.stream == Stream::kUsers) return erase_users(bytes, first, visible_from);
  return std::nullopt;
}

}  // namespace palate
