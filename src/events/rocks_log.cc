#include "events/rocks_log.h"

#include <array>
#include <charconv>
#include <cstring>

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "base/check.h"
#include "events/block.h"

namespace palate {
namespace {

constexpr size_t kKeyBytes = 1 + 4 + 8;
constexpr size_t kCountBytes = 4;
constexpr size_t kReadAheadBytes = size_t{1} << 20;
constexpr size_t kGroupBytesMax = size_t{256} << 20;  // of one append
constexpr std::string_view kMarkPrefix = "followed/";
constexpr uint64_t kOffsetEnd = ~uint64_t{0};

struct Key {
  std::array<char, kKeyBytes> bytes;
  [[nodiscard]] rocksdb::Slice slice() const { return {bytes.data(), bytes.size()}; }
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
  if (key.size() != kKeyBytes || static_cast<uint8_t>(key[0]) > 2) {
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

Result<RocksLog::Marks> read_marks(const Database& database) {
  RocksLog::Marks marks;
  for (const auto& [key, value] : TRY(database.meta(kMarkPrefix))) {
    uint64_t place = 0;
    const char* end = value.data() + value.size();
    const auto [rest, error] = std::from_chars(value.data(), end, place);
    if (error != std::errc() || rest != end) {
      return fail(Code::kCorrupt, "{}: the fact '{}' is no place in a stream",
                  database.path().string(), key);
    }
    marks.emplace(key.substr(kMarkPrefix.size()), place);
  }
  return marks;
}

uint64_t end_of_block(const EventLog::Block& block) { return block.first.offset + block.count; }

}  // namespace

Result<std::unique_ptr<RocksLog>> RocksLog::open(Database& database) {
  auto log = std::unique_ptr<RocksLog>(new RocksLog(database));
  TRY(log->refresh());
  return log;
}

Status RocksLog::refresh() {
  std::map<Part, uint64_t> ends = TRY(find_ends());
  Marks marks = TRY(read_marks(database_));
  const std::lock_guard lock(mutex_);
  ends_ = std::move(ends);
  marks_ = std::move(marks);
  return {};
}

// Jumps from the first block of each (stream, partition) to its last.
Result<std::map<RocksLog::Part, uint64_t>> RocksLog::find_ends() const {
  std::map<Part, uint64_t> ends;
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> it(
      database_.rocks().NewIterator(options, database_.column(Column::kLog)));
  it->SeekToFirst();
  while (it->Valid()) {
    const Position first = TRY(position_of(it->key()));
    const Position past{first.stream, first.partition, kOffsetEnd};
    it->SeekForPrev(key_of(past).slice());
    if (!it->Valid()) break;
    const Block last = TRY(block_at(*it));
    const uint64_t last_offset = last.first.offset;
    ends[{first.stream, first.partition}] = end_of_block(last);
    if (last_offset > 0) {
      it->Prev();
      const bool whole = it->Valid() && end_of_block(TRY(block_at(*it))) == last_offset;
      if (it->status().ok() && !whole) {
        TRY(missing(last.first, last_offset));
      }
    }
    if (it->status().ok()) it->Seek(key_of(past).slice());
  }
  if (!it->status().ok()) return std::unexpected(database_.error(it->status(), "open the log"));
  return ends;
}

uint64_t RocksLog::end_of(const Part& part) const {
  const std::lock_guard lock(mutex_);
  const auto found = ends_.find(part);
  return found == ends_.end() ? 0 : found->second;
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
    if (is_new) end->second = end_of(part);
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
    status = batch.DeleteRange(column, key_of({part.first, part.second, end_of(part)}).slice(),
                               key_of({part.first, part.second, kOffsetEnd}).slice());
  }
  for (size_t i = 0; i < blocks.size() && status.ok(); ++i) {
    const Key key = key_of(plan.positions[i]);
    const rocksdb::Slice key_slice = key.slice();
    const std::array<rocksdb::Slice, 2> value{
        rocksdb::Slice(reinterpret_cast<const char*>(&blocks[i].count), kCountBytes),
        rocksdb::Slice(blocks[i].bytes)};
    status = batch.Put(column, rocksdb::SliceParts(&key_slice, 1),
                       rocksdb::SliceParts(value.data(), value.size()));
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
  for (const auto& [part, end] : plan.ends) ends_[part] = end;
  for (const auto& [source, place] : marks) marks_[source] = place;
  return std::move(plan.positions);
}

RocksLog::Marks RocksLog::marks() const {
  const std::lock_guard lock(mutex_);
  return marks_;
}

Status RocksLog::read(Position from, const std::function<Status(const Block&)>& visit) const {
  const uint64_t end = end_of({from.stream, from.partition});
  if (from.offset >= end) return {};
  const Key lower = key_of({from.stream, from.partition, 0});
  const Key upper = key_of({from.stream, from.partition, end});
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
  for (bool is_first = true; next < end; is_first = false, it->Next()) {
    if (!it->status().ok()) return std::unexpected(database_.error(it->status(), "read the log"));
    if (!it->Valid()) return missing(from, next);
    const Block block = TRY(block_at(*it));
    const bool fits = is_first ? block.first.offset <= next && next < end_of_block(block)
                               : block.first.offset == next;
    if (!fits) return missing(from, next);
    TRY(visit(block));
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
  ends.reserve(ends_.size());
  for (const auto& [part, end] : ends_) ends.push_back({part.first, part.second, end});
  return ends;
}

}  // namespace palate
