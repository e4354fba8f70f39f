#include "events/rocks_log.h"

#include <array>
#include <charconv>
#include <cstring>

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "base/check.h"
#include "base/stop.h"
#include "events/block.h"

namespace palate {
namespace {

constexpr size_t kKeyBytes = 1 + 4 + 8;
constexpr size_t kCountBytes = 4;
constexpr size_t kReadAheadBytes = size_t{1} << 20;
constexpr size_t kGroupBytesMax = size_t{256} << 20;  // of one append
constexpr std::string_view kMarkPrefix = "followed/";
constexpr std::string_view kBeginPrefix = "log.begin/";  // and a stream: what retention has left
// And a stream: where blocks were rewritten or dropped whose old bytes files may still hold.
constexpr std::string_view kUnsettledFrom = "log.unsettled/from/";
constexpr std::string_view kUnsettledTo = "log.unsettled/to/";
constexpr uint64_t kOffsetEnd = ~uint64_t{0};

struct Key {
  std::array<char, kKeyBytes> bytes;
  [[nodiscard]] rocksdb::Slice slice() const { return {bytes.data(), bytes.size()}; }
  [[nodiscard]] std::string_view view() const { return {bytes.data(), bytes.size()}; }
};

Key key_of(const Position& position) {
  Key key{};
  const uint32_t partition = __builtin_bswap32(position.partition);
  const uint64_t offset = __builtin_bswap64(position.offset);
  key.bytes[0] = static_cast<char>(position.stream);
  std::memcpy(key.bytes.data() + 1, &partition, sizeof partition);
  std::memcpy(key.bytes.data() + 5, &offset, sizeof offset);
  return key;
}

Result<Position> position_of(const rocksdb::Slice& key) {
  if (key.size() != kKeyBytes ||
      static_cast<uint8_t>(key[0]) > static_cast<uint8_t>(Stream::kDecisions)) {
    return fail(Code::kCorrupt, "the log has a key that is none of its own ({} bytes)", key.size());
  }
  Position position{.stream = static_cast<Stream>(key[0])};
  std::memcpy(&position.partition, key.data() + 1, sizeof position.partition);
  std::memcpy(&position.offset, key.data() + 5, sizeof position.offset);
  position.partition = __builtin_bswap32(position.partition);
  position.offset = __builtin_bswap64(position.offset);
  return position;
}

// The block under the iterator, its checksum verified and its count held against the stored one.
Result<EventLog::Block> block_at(const rocksdb::Iterator& it) {
  const Position first = TRY(position_of(it.key()));
  const std::string_view value = it.value().ToStringView();
  EventLog::Block block{.first = first, .count = 0, .bytes = {}};
  if (value.size() < kCountBytes) {
    return fail(Code::kCorrupt, "{}: the log's record is cut off", to_string(first));
  }
  std::memcpy(&block.count, value.data(), kCountBytes);
  block.bytes = value.substr(kCountBytes);
  const Result<BlockInfo> info = inspect_block(block.bytes);
  if (!info) return std::unexpected(info.error().within(to_string(first)));
  if (info->count != block.count || info->kind != first.stream) {
    return fail(Code::kCorrupt, "{}: the log's record is not the block that its key names",
                to_string(first));
  }
  return block;
}

// Facts <prefix><name> that hold a number each, by name.
Result<std::map<std::string, uint64_t>> read_places(const Database& database,
                                                    std::string_view prefix) {
  std::map<std::string, uint64_t> places;
  for (const auto& [key, value] : TRY(database.meta(prefix))) {
    uint64_t place = 0;
    const char* end = value.data() + value.size();
    const auto [rest, error] = std::from_chars(value.data(), end, place);
    if (error != std::errc() || rest != end) {
      return fail(Code::kCorrupt, "{}: the fact '{}' is no place in a stream",
                  database.path().string(), key);
    }
    places.emplace(key.substr(prefix.size()), place);
  }
  return places;
}

uint64_t end_of_block(const EventLog::Block& block) { return block.first.offset + block.count; }

std::string part_name(const std::pair<Stream, uint32_t>& part) {
  return fmt::format("{}/{}", stream_name(part.first), part.second);
}

// The block as it may be seen.
Status show(const EventLog::Block& block, const VisibleFrom& visible_from,
            const std::function<Status(const EventLog::Block&)>& visit) {
  const auto erased = TRY(erase_rows(block.bytes, block.first, visible_from));
  if (!erased) return visit(block);
  Position first = block.first;
  for (const EncodedBlock& part : erased->blocks) {
    TRY(visit({.first = first, .count = part.count, .bytes = part.bytes}));
    first.offset += part.count;
  }
  return {};
}

struct BlockBytes {
  const uint32_t& count;
  const std::string& bytes;
};

rocksdb::Status put_unsettled(rocksdb::WriteBatch& batch, rocksdb::ColumnFamilyHandle* meta,
                              const std::pair<Stream, uint32_t>& part,
                              std::pair<uint64_t, uint64_t> range) {
  const std::string name = part_name(part);
  const rocksdb::Status status =
      batch.Put(meta, fmt::format("{}{}", kUnsettledFrom, name), std::to_string(range.first));
  if (!status.ok()) return status;
  return batch.Put(meta, fmt::format("{}{}", kUnsettledTo, name), std::to_string(range.second));
}

rocksdb::Status put_block(rocksdb::WriteBatch& batch, rocksdb::ColumnFamilyHandle* column,
                          const Position& at, const BlockBytes& block) {
  const Key key = key_of(at);
  const rocksdb::Slice key_slice = key.slice();
  const std::array<rocksdb::Slice, 2> value{
      rocksdb::Slice(reinterpret_cast<const char*>(&block.count), kCountBytes),
      rocksdb::Slice(block.bytes)};
  return batch.Put(column, rocksdb::SliceParts(&key_slice, 1),
                   rocksdb::SliceParts(value.data(), value.size()));
}

}  // namespace

Result<std::unique_ptr<RocksLog>> RocksLog::open(Database& database) {
  auto log = std::unique_ptr<RocksLog>(new RocksLog(database));
  TRY(log->refresh());
  return log;
}

Status RocksLog::refresh() {
  std::map<Part, Range> ranges = TRY(find_ranges());
  Marks marks = TRY(read_places(database_, kMarkPrefix));
  const std::lock_guard lock(mutex_);
  ranges_ = std::move(ranges);
  marks_ = std::move(marks);
  return {};
}

// Jumps from the first block of each (stream, partition), which must be where it begins, to its
// last.
Result<std::map<RocksLog::Part, RocksLog::Range>> RocksLog::find_ranges() const {
  std::map<Part, Range> ranges;
  auto begins = TRY(read_places(database_, kBeginPrefix));
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> it(
      database_.rocks().NewIterator(options, database_.column(Column::kLog)));
  it->SeekToFirst();
  while (it->Valid()) {
    const Position first = TRY(position_of(it->key()));
    const uint64_t begin = begins[part_name({first.stream, first.partition})];
    if (first.offset != begin) TRY(missing(first, begin));
    const Position past{first.stream, first.partition, kOffsetEnd};
    it->SeekForPrev(key_of(past).slice());
    if (!it->Valid()) break;
    const Block last = TRY(block_at(*it));
    const uint64_t last_offset = last.first.offset;
    ranges[{first.stream, first.partition}] = {first.offset, end_of_block(last)};
    if (last_offset > first.offset) {
      it->Prev();
      const bool whole = it->Valid() && end_of_block(TRY(block_at(*it))) == last_offset;
      if (it->status().ok() && !whole) {
        TRY(missing(last.first, last_offset));
      }
    }
    if (it->status().ok()) it->Seek(key_of(past).slice());
  }
  if (!it->status().ok()) return std::unexpected(database_.error(it->status(), "open the log"));
  return ranges;
}

RocksLog::Range RocksLog::range_of(const Part& part) const {
  const std::lock_guard lock(mutex_);
  const auto found = ranges_.find(part);
  return found == ranges_.end() ? Range() : found->second;
}

// Gives every block its position and says where each part will end.
Result<RocksLog::Plan> RocksLog::plan(std::span<const Append> blocks) const {
  Plan plan;
  plan.positions.reserve(blocks.size());
  size_t group_bytes = 0;
  for (const Append& block : blocks) {
    const Result<BlockInfo> info = inspect_block(block.bytes);
    if (!info || info->kind != block.stream || info->count != block.count) {
      return fail(Code::kInvalidArgument, "append: the bytes are no block of {} records of {}",
                  block.count, to_string(Position{block.stream, block.partition, 0}));
    }
    group_bytes += block.bytes.size();
    if (group_bytes > kGroupBytesMax) {
      return fail(Code::kOverloaded, "append: more than {} bytes at once; append smaller groups",
                  kGroupBytesMax);
    }
    const Part part{block.stream, block.partition};
    const auto [end, is_new] = plan.ends.try_emplace(part, 0);
    if (is_new) end->second = range_of(part).end;
    plan.positions.push_back({block.stream, block.partition, end->second});
    end->second += block.count;
  }
  return plan;
}

Result<std::vector<Position>> RocksLog::append(std::span<const Append> blocks) {
  return append_marked(blocks, {});
}

Result<std::vector<Position>> RocksLog::append_marked(std::span<const Append> blocks,
                                                      const Marks& marks) {
  PALATE_CHECK(database_.writable(), "a reader cannot append");
  Plan plan = TRY(this->plan(blocks));
  if (blocks.empty() && marks.empty()) return plan.positions;
  rocksdb::ColumnFamilyHandle* column = database_.column(Column::kLog);
  rocksdb::WriteBatch batch;
  rocksdb::Status status;
  // A failed append may have reached the disk in part. What it left behind goes away with the next
  // one, in the same batch; else blocks of both might overlap after a crash.
  for (const Part& part : failed_) {
    if (!status.ok()) break;
    status =
        batch.DeleteRange(column, key_of({part.first, part.second, range_of(part).end}).slice(),
                          key_of({part.first, part.second, kOffsetEnd}).slice());
  }
  for (size_t i = 0; i < blocks.size() && status.ok(); ++i) {
    status = put_block(batch, column, plan.positions[i], {blocks[i].count, blocks[i].bytes});
  }
  for (const auto& [source, place] : marks) {
    if (!status.ok()) break;
    status = batch.Put(database_.column(Column::kMeta), fmt::format("{}{}", kMarkPrefix, source),
                       std::to_string(place));
  }
  const auto durable = blocks.empty() ? Database::Durable::kLater : Database::Durable::kNow;
  if (status.ok()) status = database_.write(batch, durable);
  if (!status.ok()) {
    for (const auto& [part, end] : plan.ends) failed_.insert(part);
    return std::unexpected(database_.error(status, "append to the log"));
  }
  failed_.clear();
  const std::lock_guard lock(mutex_);
  for (const auto& [part, end] : plan.ends) ranges_[part].end = end;
  for (const auto& [source, place] : marks) marks_[source] = place;
  return std::move(plan.positions);
}

RocksLog::Marks RocksLog::marks() const {
  const std::lock_guard lock(mutex_);
  return marks_;
}

Status RocksLog::read(Position from, const std::function<Status(const Block&)>& visit) const {
  const Range range = range_of({from.stream, from.partition});
  from.offset = std::max(from.offset, range.begin);
  if (from.offset >= range.end) return {};
  const std::shared_ptr<const VisibleFrom> visible_from = hidden();
  const Key lower = key_of({from.stream, from.partition, 0});
  const Key upper = key_of({from.stream, from.partition, range.end});
  const rocksdb::Slice lower_slice = lower.slice();
  const rocksdb::Slice upper_slice = upper.slice();
  rocksdb::ReadOptions options;
  options.fill_cache = false;  // one pass over much must not push out what requests read
  options.readahead_size = kReadAheadBytes;
  options.iterate_lower_bound = &lower_slice;
  options.iterate_upper_bound = &upper_slice;
  const std::unique_ptr<rocksdb::Iterator> it(
      database_.rocks().NewIterator(options, database_.column(Column::kLog)));
  it->SeekForPrev(key_of(from).slice());
  uint64_t next = from.offset;  // what the block at hand must hold, and later begin with
  for (bool is_first = true; next < range.end; is_first = false, it->Next()) {
    if (!it->status().ok()) return std::unexpected(database_.error(it->status(), "read the log"));
    if (!it->Valid()) return missing(from, next);
    const Block block = TRY(block_at(*it));
    const bool fits = is_first ? block.first.offset <= next && next < end_of_block(block)
                               : block.first.offset == next;
    if (!fits) return missing(from, next);
    TRY(visible_from == nullptr ? visit(block) : show(block, *visible_from, visit));
    next = end_of_block(block);
  }
  return {};
}

Status RocksLog::missing(Position part, uint64_t offset) const {
  part.offset = offset;
  return fail(database_.writable() ? Code::kCorrupt : Code::kBusy,
              "{}: {}: the log has no block that begins where the one before ends",
              database_.path().string(), to_string(part));
}

Result<AsOf> RocksLog::ends() const {
  const std::lock_guard lock(mutex_);
  AsOf ends;
  ends.reserve(ranges_.size());
  for (const auto& [part, range] : ranges_) ends.push_back({part.first, part.second, range.end});
  return ends;
}

Result<AsOf> RocksLog::begins() const {
  const std::lock_guard lock(mutex_);
  AsOf begins;
  for (const auto& [part, range] : ranges_) {
    if (range.begin > 0) begins.push_back({part.first, part.second, range.begin});
  }
  return begins;
}

// ---- erasing and retention ------------------------------------------------------------------

void RocksLog::hide(std::shared_ptr<const VisibleFrom> visible_from) {
  const std::lock_guard lock(mutex_);
  visible_from_ = std::move(visible_from);
}

std::shared_ptr<const VisibleFrom> RocksLog::hidden() const {
  const std::lock_guard lock(mutex_);
  return visible_from_;
}

// Blocks of [range.begin, range.end) in order, until `visit` says false. What is written meanwhile
// does not show.
Status RocksLog::walk(const Part& part, const Range& range,
                      const std::function<Result<bool>(const Block&)>& visit) const {
  const Key lower = key_of({part.first, part.second, range.begin});
  const Key upper = key_of({part.first, part.second, range.end});
  const rocksdb::Slice upper_slice = upper.slice();
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.readahead_size = kReadAheadBytes;
  options.iterate_upper_bound = &upper_slice;
  const std::unique_ptr<rocksdb::Iterator> it(
      database_.rocks().NewIterator(options, database_.column(Column::kLog)));
  for (it->Seek(lower.slice()); it->Valid(); it->Next()) {
    if (!TRY(visit(TRY(block_at(*it))))) return {};
  }
  if (it->status().ok()) return {};
  return std::unexpected(database_.error(it->status(), "read the log"));
}

// One step: the new blocks take the place of the old one, whose key the first of them has, and a
// note is left until its bytes are gone from the files.
Status RocksLog::replace(const Position& first, std::span<const EncodedBlock> blocks,
                         Range& unsettled) {
  rocksdb::WriteBatch batch;
  rocksdb::Status status;
  Position at = first;
  for (const EncodedBlock& block : blocks) {
    if (status.ok()) {
      status = put_block(batch, database_.column(Column::kLog), at, {block.count, block.bytes});
    }
    at.offset += block.count;
  }
  unsettled.begin = std::min(unsettled.begin, first.offset);
  unsettled.end = std::max(unsettled.end, at.offset);
  if (status.ok()) {
    status = put_unsettled(batch, database_.column(Column::kMeta), {first.stream, first.partition},
                           {unsettled.begin, unsettled.end});
  }
  if (status.ok()) status = database_.write(batch, Database::Durable::kLater);
  if (status.ok()) return {};
  return std::unexpected(database_.error(status, "erase rows of the log"));
}

// Also what an interrupted call has left.
Status RocksLog::settle(const std::stop_token& stop) {
  const auto from = TRY(read_places(database_, kUnsettledFrom));
  const auto to = TRY(read_places(database_, kUnsettledTo));
  std::vector<Database::KeyRange> ranges;
  std::vector<Database::Fact> facts;
  for (const Position& end : TRY(ends())) {
    const std::string name = part_name({end.stream, end.partition});
    const auto first = from.find(name), last = to.find(name);
    if (first == from.end() || last == to.end()) continue;
    ranges.push_back({std::string(key_of({end.stream, end.partition, first->second}).view()),
                      std::string(key_of({end.stream, end.partition, last->second}).view())});
    facts.push_back({fmt::format("{}{}", kUnsettledFrom, name), std::nullopt});
    facts.push_back({fmt::format("{}{}", kUnsettledTo, name), std::nullopt});
  }
  if (ranges.empty()) return {};
  TRY(database_.settle(Column::kLog, ranges, stop));
  return database_.put_meta(facts);
}

Result<RocksLog::Erased> RocksLog::erase(const VisibleFrom& visible_from,
                                         const std::stop_token& stop) {
  TRY(settle(stop));
  Erased erased;
  for (const Position& end : TRY(ends())) {
    const Part part{end.stream, end.partition};
    if (end.stream == Stream::kItems) continue;
    Range unsettled{.begin = kOffsetEnd, .end = 0};
    TRY(walk(part, range_of(part), [&](const Block& block) -> Result<bool> {
      TRY(check_stop(stop));
      const auto rewritten = TRY(erase_rows(block.bytes, block.first, visible_from));
      if (!rewritten) return true;
      TRY(replace(block.first, rewritten->blocks, unsettled));
      for (const auto& [user, count] : rewritten->rows) {
        Erased::Rows& rows = erased.of[user];
        (end.stream == Stream::kEvents ? rows.events : rows.records) += count;
      }
      ++erased.blocks;
      return true;
    }));
  }
  TRY(settle(stop));
  return erased;
}

Result<RocksLog::Trimmed> RocksLog::trim(Stream stream, const MayGo& may_go,
                                         const std::stop_token& stop) {
  TRY(settle(stop));
  const Part part{stream, 0};
  const Range range = range_of(part);
  const Key lower = key_of({part.first, part.second, range.begin});
  const Key upper = key_of({part.first, part.second, range.end});
  uint64_t bytes = TRY(database_.bytes_in(Column::kLog, lower.view(), upper.view()));
  Trimmed trimmed;
  uint64_t begin = range.begin;
  TRY(walk(part, range, [&](const Block& block) -> Result<bool> {
    TRY(check_stop(stop));
    const uint64_t end = end_of_block(block);
    if (end == range.end || !TRY(may_go(block, bytes))) return false;
    begin = end;
    ++trimmed.blocks;
    trimmed.bytes += block.bytes.size();
    bytes -= std::min<uint64_t>(bytes, block.bytes.size());
    return true;
  }));
  if (trimmed.blocks == 0) return trimmed;
  const Key kept = key_of({part.first, part.second, begin});
  rocksdb::WriteBatch batch;
  rocksdb::Status status =
      batch.DeleteRange(database_.column(Column::kLog), lower.slice(), kept.slice());
  if (status.ok()) {
    status = batch.Put(database_.column(Column::kMeta),
                       fmt::format("{}{}", kBeginPrefix, part_name(part)), std::to_string(begin));
  }
  if (status.ok()) {
    status = put_unsettled(batch, database_.column(Column::kMeta), part, {range.begin, begin});
  }
  if (status.ok()) status = database_.write(batch, Database::Durable::kNow);
  if (!status.ok()) return std::unexpected(database_.error(status, "trim the log"));
  {
    const std::lock_guard lock(mutex_);
    ranges_[part].begin = begin;
  }
  TRY(settle(stop));
  return trimmed;
}

}  // namespace palate
