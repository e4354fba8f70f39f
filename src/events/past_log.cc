#include "events/past_log.h"

#include <algorithm>

#include "events/block.h"
#include "events/erase_rows.h"

namespace palate {
namespace {

template <class Record>
std::vector<Record> first_of(std::vector<Record> records, size_t count) {
  records.resize(count);
  return records;
}

}  // namespace

PastLog::PastLog(const EventLog& log, AsOf as_of, std::set<Position> without)
    : log_(log), as_of_(std::move(as_of)), without_(std::move(without)) {}

Result<std::vector<Position>> PastLog::append(std::span<const Append> blocks) {
  return fail(Code::kPermission, "{} blocks cannot be added to the past", blocks.size());
}

uint64_t PastLog::end_of(const Position& part) const {
  for (const Position& end : as_of_) {
    if (end.stream == part.stream && end.partition == part.partition) return end.offset;
  }
  return 0;
}

bool PastLog::leaves_out_of(const Block& block) const {
  const auto next = without_.lower_bound(block.first);
  return next != without_.end() && next->stream == block.first.stream &&
         next->partition == block.first.partition &&
         next->offset < block.first.offset + block.count;
}

// Up to `end`, made anew.
Status PastLog::show_part(const Block& block, uint64_t end,
                          const std::function<Status(const Block&)>& visit) const {
  const auto count = static_cast<size_t>(std::min<uint64_t>(block.count, end - block.first.offset));
  std::vector<EncodedBlock> parts;
  if (block.first.stream == Stream::kEvents) {
    const EventTypes types = TRY(block_types(block.bytes));
    EventBatch batch = TRY(decode_events(block.bytes, types));
    batch.rows.resize(count);
    for (size_t i = 0; i < count; ++i) {
      Position at = block.first;
      at.offset += i;
      if (without_.contains(at)) batch.rows[i] = erased_event(batch.rows[i]);
    }
    parts = encode_events(batch.rows, types);
  } else if (block.first.stream == Stream::kItems) {
    parts = encode_items(first_of(TRY(decode_items(block.bytes)), count));
  } else if (block.first.stream == Stream::kUsers) {
    parts = encode_users(first_of(TRY(decode_users(block.bytes)), count));
  } else {
    parts = encode_decisions(first_of(TRY(decode_decisions(block.bytes)), count));
  }
  Position first = block.first;
  for (const EncodedBlock& part : parts) {
    TRY(visit({first, part.count, part.bytes}));
    first.offset += part.count;
  }
  return {};
}

Status PastLog::read(Position from, const std::function<Status(const Block&)>& visit) const {
  const uint64_t end = end_of(from);
  bool over = from.offset >= end;
  if (over) return {};
  Status read = log_.read(from, [&](const Block& block) -> Status {
    over = block.first.offset >= end;
    if (over) return fail(Code::kCancelled, "what follows is not of the past");
    const bool whole = block.first.offset + block.count <= end;
    return whole && !leaves_out_of(block) ? visit(block) : show_part(block, end, visit);
  });
  return over ? Status() : read;
}

Result<AsOf> PastLog::ends() const {
  AsOf ends = TRY(log_.ends());
  for (Position& end : ends) end.offset = std::min(end.offset, end_of(end));
  std::erase_if(ends, [](const Position& end) { return end.offset == 0; });
  return ends;
}

}  // namespace palate
