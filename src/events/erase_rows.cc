#include "events/erase_rows.h"

namespace palate {
namespace {

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
  // Those of the block itself: what nobody declares any more keeps its name.
  const EventTypes types = TRY(block_types(bytes));
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
    row = erased_event(row);
  }
  if (out.rows.empty()) return std::nullopt;
  out.blocks = encode_events(batch.rows, types);
  return out;
}

std::string& user_of(UserRecord& record) { return record.id; }
std::string& user_of(DecisionRecord& record) { return record.user; }
std::vector<EncodedBlock> encode(std::span<const UserRecord> records) {
  return encode_users(records);
}
std::vector<EncodedBlock> encode(std::span<const DecisionRecord> records) {
  return encode_decisions(records);
}

// Records are about one user each, or about nobody.
template <class Record>
std::optional<ErasedBlock> erase_records(std::vector<Record> records, const Position& first,
                                         const VisibleFrom& visible_from) {
  ErasedBlock out;
  for (size_t i = 0; i < records.size(); ++i) {
    const std::string& user = user_of(records[i]);
    if (user.empty() || first.offset + i >= visible_from(first.stream, user)) continue;
    count(out, user);
    records[i] = {};
  }
  if (out.rows.empty()) return std::nullopt;
  out.blocks = encode(std::span<const Record>(records));
  return out;
}

}  // namespace

EventView erased_event(const EventView& row) {
  EventView erased;
  erased.type = row.type;
  erased.ts = row.ts;
  erased.received = row.received;
  return erased;
}

Result<std::optional<ErasedBlock>> erase_rows(std::string_view bytes, const Position& first,
                                              const VisibleFrom& visible_from) {
  if (first.stream == Stream::kEvents) return erase_events(bytes, first, visible_from);
  if (first.stream == Stream::kUsers) {
    return erase_records(TRY(decode_users(bytes)), first, visible_from);
  }
  if (first.stream == Stream::kDecisions) {
    return erase_records(TRY(decode_decisions(bytes)), first, visible_from);
  }
  return std::nullopt;
}

}  // namespace palate
