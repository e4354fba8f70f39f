// Chunks of a source, parsed side by side and handed on in order.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "events/encoded_rows.h"
#include "events/event.h"
#include "events/text_source.h"
#include "events/validate.h"

namespace palate {

// A piece of a source before parsing: text, or (Parquet) cells, row after row.
struct RawChunk {
  TextChunk text;
  std::vector<std::string_view> cells;
  size_t columns = 0;
};

struct RejectedRow {
  uint64_t line = 0;  // from 0 within the chunk
  Rejection rejection;
  std::string_view bytes;
};

// What became of a chunk: one of events, items, users is filled.
struct ParsedChunk {
  EventBatch events;
  std::vector<uint64_t> hashes;  // content_hash of each event
  EncodedRows encoded;           // of the events, where it was wished
  std::vector<ItemRecord> items;
  std::vector<UserRecord> users;
  std::vector<RejectedRow> rejects;
  uint64_t lines = 0;
  std::shared_ptr<const void> owner;  // keeps the rejects' bytes valid
  std::optional<Error> error;         // the source failed here; the last chunk
};

using ChunkParser = std::function<void(const RawChunk&, ParsedChunk&)>;

// Threads of its own rather than the pool's: they wait for the consumer, and a pool's must not. At
// most two chunks a thread are in flight.
class ChunkPipeline {
 public:
  struct Parts {
    std::function<Result<bool>(RawChunk&)> take;  // the next chunk; called by one thread at a time
    std::function<ChunkParser()> make_parser;     // one for each thread
    size_t threads = 1;
  };
  explicit ChunkPipeline(Parts parts);
  ~ChunkPipeline();

  // The next chunk in order, or nullptr at the end (also after one with an error).
  std::unique_ptr<ParsedChunk> next();
  // Gives back a vector whose memory a later chunk can use.
  void recycle(std::vector<EventView> rows);

 private:
  void work();
  bool take(RawChunk& raw, ParsedChunk& parsed, uint64_t& number);

  Parts parts_;
  std::mutex taking_;  // serializes the source
  bool source_ended_ = false;
  uint64_t taken_ = 0;

  std::mutex mutex_;  // guards what follows
  std::condition_variable room_, ready_;
  std::vector<std::unique_ptr<ParsedChunk>> slots_;
  std::vector<std::vector<EventView>> spare_;
  uint64_t delivered_ = 0;
  uint64_t end_ = ~uint64_t{0};  // number of chunks, once known
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace palate
