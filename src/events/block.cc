#include "events/block.h"

#include <algorithm>
#include <bit>
#include <cstring>

#define XXH_INLINE_ALL  // the state of the streaming hash lives on the stack
#include <xxhash.h>

#include "events/block_bytes.h"
#include "events/block_frame.h"
#include "events/event_columns.h"
#include "events/packed_integers.h"

namespace palate {
namespace {

constexpr size_t kBodyTarget = kBlockBytesMax - kBlockFrameBytes;
// Rows encoded to guess how many make a block, how full a block is aimed at, and how full is full
// enough not to try again with more rows.
constexpr size_t kSampleRows = 1024;
constexpr double kAim = 0.97;
constexpr double kFullEnough = 0.75;
constexpr int kGrowthsMax = 3;

// How many rows would make a block that is as full as aimed at, going by `body` of `rows` rows.
size_t rows_to_fill(size_t rows, size_t body_bytes) {
  const double wanted = kAim * static_cast<double>(kBodyTarget) * static_cast<double>(rows) /
                        static_cast<double>(body_bytes);
  return std::clamp(static_cast<size_t>(wanted), size_t{1}, size_t{kBlockCountMax});
}

struct Cut {
  size_t rows = 0;
  EventBody body;
};

// The first rows that fit a block: `guess` many, fewer while that is too much, more while it is far
// too little. One row is taken however long it is.
Cut cut_block(std::span<const EventView> rows, const EventTypes& types, size_t guess) {
  Cut best;
  size_t too_many = std::min(rows.size(), size_t{kBlockCountMax}) + 1;
  int growths = 0;
  size_t count = std::min(guess, too_many - 1);
  while (true) {
    Cut cut{count, encode_event_columns(rows.first(count), types)};
    const size_t better = rows_to_fill(count, cut.body.bytes.size());
    if (cut.body.bytes.size() > kBodyTarget && count > 1) {
      if (best.rows > 0) return best;
      too_many = count;
      count = std::min(better, count - 1);
      continue;
    }
    best = std::move(cut);
    const bool full = best.body.bytes.size() > kFullEnough * static_cast<double>(kBodyTarget);
    count = std::min(better, too_many - 1);
    if (full || count <= best.rows || ++growths > kGrowthsMax) return best;
  }
}

// Text compresses; packed integers do not, and trying costs more than the rest of encoding.
EncodedBlock seal(const Cut& cut) {
  const bool try_zstd = cut.body.text_bytes * 4 >= cut.body.bytes.size();
  const auto count = static_cast<uint32_t>(cut.rows);
  return {.bytes = seal_block(Stream::kEvents, count, cut.body.bytes,
                              try_zstd ? BlockCompression::kTryZstd : BlockCompression::kNone),
          .count = count};
}

EncodedBlock seal_records(Stream kind, std::span<const std::string> records) {
  std::vector<int64_t> lengths(records.size());
  std::ranges::transform(records, lengths.begin(), [](const std::string& record) {
    return static_cast<int64_t>(record.size());
  });
  std::string body;
  pack_integers(lengths, body);
  for (const std::string& record : records) body.append(record);
  const auto count = static_cast<uint32_t>(records.size());
  return {.bytes = seal_block(kind, count, body, BlockCompression::kTryZstd), .count = count};
}

template <class Record>
std::vector<EncodedBlock> encode_records(Stream kind, std::span<const Record> records) {
  constexpr size_t kLengthBytes = 9;  // of a packed length, at most, its share of the chunk's head
  std::vector<EncodedBlock> blocks;
  std::vector<std::string> waiting;
  size_t body_bytes = 0;
  for (const Record& record : records) {
    std::string json = record.id.empty() ? "" : to_json(record);  // empty: erased
    const size_t more = json.size() + kLengthBytes;
    if (!waiting.empty() && (body_bytes + more > kBodyTarget || waiting.size() == kBlockCountMax)) {
      blocks.push_back(seal_records(kind, waiting));
      waiting.clear();
      body_bytes = 0;
    }
    body_bytes += more;
    waiting.push_back(std::move(json));
  }
  if (!waiting.empty()) blocks.push_back(seal_records(kind, waiting));
  return blocks;
}

template <class Record>
Result<std::vector<Record>> decode_records(Stream kind, std::string_view bytes,
                                           Result<Record> (*parse)(std::string_view)) {
  const OpenedBlock block = TRY(open_block(kind, bytes));
  ByteSource in(*block.body);
  std::vector<int64_t> lengths(block.count);
  unpack_integers(in, lengths);
  std::vector<Record> records;
  for (size_t i = 0; i < lengths.size() && !in.failed(); ++i) {
    const std::string_view json = in.take(static_cast<uint64_t>(lengths[i]));
    if (in.failed()) break;
    if (json.empty()) {
      records.emplace_back();
      continue;
    }
    Result<Record> record = parse(json);
    if (!record) {
      return fail(Code::kCorrupt, "block: record {} is wrong: {}", i, record.error().message);
    }
    records.push_back(std::move(*record));
  }
  if (!in.finished()) return fail(Code::kCorrupt, "block: its records do not fill its body");
  return records;
}

// ---- identity ------------------------------------------------------------------------------

// Bytes to be hashed: on the stack while short, streamed when not; the hash is the same.
class IdentityHash {
 public:
  template <class Word>
  void word(Word value) {
    bytes(&value, sizeof value);
  }
  void text(std::string_view text) {
    word(static_cast<uint32_t>(text.size()));
    bytes(text.data(), text.size());
  }
  Hash128 finish() {
    const XXH128_hash_t hash = streaming_ ? flushed() : XXH3_128bits(buffer_, size_);
    return {{hash.low64, hash.high64}};
  }

 private:
  void bytes(const void* data, size_t size) {
    if (size_ + size > sizeof buffer_) {
      flush();
      if (size > sizeof buffer_) {
        XXH3_128bits_update(&stream_, data, size);
        return;
      }
    }
    if (size > 0) std::memcpy(buffer_ + size_, data, size);
    size_ += size;
  }
  void flush() {
    if (!streaming_) XXH3_128bits_reset(&stream_);
    streaming_ = true;
    XXH3_128bits_update(&stream_, buffer_, size_);
    size_ = 0;
  }
  XXH128_hash_t flushed() {
    flush();
    return XXH3_128bits_digest(&stream_);
  }

  char buffer_[512];
  size_t size_ = 0;
  bool streaming_ = false;
  XXH3_state_t stream_;
};

}  // namespace

std::vector<EncodedBlock> encode_events(std::span<const EventView> rows, const EventTypes& types) {
  std::vector<EncodedBlock> blocks;
  if (rows.empty()) return blocks;
  const std::span<const EventView> sample = rows.first(std::min(rows.size(), kSampleRows));
  size_t guess = rows_to_fill(sample.size(), encode_event_columns(sample, types).bytes.size());
  while (!rows.empty()) {
    const Cut cut = cut_block(rows, types, guess);
    blocks.push_back(seal(cut));
    guess = rows_to_fill(cut.rows, cut.body.bytes.size());
    rows = rows.subspan(cut.rows);
  }
  return blocks;
}

std::vector<EncodedBlock> encode_items(std::span<const ItemRecord> items) {
  return encode_records(Stream::kItems, items);
}

std::vector<EncodedBlock> encode_users(std::span<const UserRecord> users) {
  return encode_records(Stream::kUsers, users);
}

std::vector<EncodedBlock> encode_decisions(std::span<const DecisionRecord> decisions) {
  return encode_records(Stream::kDecisions, decisions);
}

Result<EventBatch> decode_events(std::string_view bytes, const EventTypes& types) {
  const OpenedBlock block = TRY(open_block(Stream::kEvents, bytes));
  EventBatch batch;
  batch.rows.resize(block.count);
  batch.arena.keep(block.body);
  if (!decode_event_columns(*block.body, types, batch.rows, batch.arena)) {
    return fail(Code::kCorrupt, "block: its columns do not fit its {} events", block.count);
  }
  return batch;
}

Result<std::vector<std::string>> block_type_names(std::string_view bytes) {
  const OpenedBlock block = TRY(open_block(Stream::kEvents, bytes));
  return read_type_names(*block.body);
}

Result<EventTypes> block_types(std::string_view bytes) {
  EventTypes types;
  for (std::string& name : TRY(block_type_names(bytes))) {
    EventType type;
    type.name = std::move(name);
    TRY(types.declare(std::move(type)));
  }
  return types;
}

Result<std::vector<ItemRecord>> decode_items(std::string_view bytes) {
  return decode_records<ItemRecord>(Stream::kItems, bytes, item_from_json);
}

Result<std::vector<UserRecord>> decode_users(std::string_view bytes) {
  return decode_records<UserRecord>(Stream::kUsers, bytes, user_from_json);
}

Result<std::vector<DecisionRecord>> decode_decisions(std::string_view bytes) {
  return decode_records<DecisionRecord>(Stream::kDecisions, bytes, decision_from_json);
}

Hash128 event_identity(const EventView& row, std::string_view type_name) {
  enum class Source : uint8_t { kClient = 1, kContent = 2 };
  IdentityHash hash;
  if (!row.event_id.empty()) {
    hash.word(Source::kClient);
    hash.text(row.event_id);
    return hash.finish();
  }
  hash.word(Source::kContent);
  for (std::string_view text : {type_name, row.user, row.item, row.request_id, row.context}) {
    hash.text(text);
  }
  hash.word(row.ts.us);
  hash.word(std::isnan(row.value) ? std::bit_cast<uint64_t>(kNoValue)
                                  : std::bit_cast<uint64_t>(row.value));
  hash.word(row.slot);
  hash.word(row.occurrence);
  return hash.finish();
}

}  // namespace palate
