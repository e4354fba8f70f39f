// What the log needs of a chunk's events, made on the thread that has just parsed them, while they
// are in its cache: hashes to tell repeats apart, blocks, identities, names of items.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "events/chunk_pipeline.h"
#include "events/event_types.h"

namespace palate {

// What is wanted; may change while chunks are parsed.
struct EncodeWishes {
  std::atomic<bool> blocks{false};
  std::atomic<bool> identities{false};  // of all events, not only of chunks with client's ids
};

// Names that one thread has met. Those of a prefix and a small number cost a bit each.
class MetNames {
 public:
  // True the first time.
  bool meet(std::string_view name);

 private:
  std::string prefix_;
  std::vector<uint64_t> numbers_;  // a bit for each number behind the prefix
  std::unordered_set<std::string> others_;
};

// Not thread-safe: one for each thread.
class ChunkEncoder {
 public:
  ChunkEncoder(const EventTypes& types, const EncodeWishes& wishes)
      : types_(types), wishes_(wishes) {}
  // As if no row were a repeat of another; where one is, encode_again() follows.
  void encode(ParsedChunk& chunk);

 private:
  const EventTypes& types_;
  const EncodeWishes& wishes_;
  MetNames items_;
};

// Makes what depends on occurrence numbers again, after they were set.
void encode_again(ParsedChunk& chunk, const EventTypes& types);

}  // namespace palate
