// Makes the file of a frozen dictionary (ids/dictionary.h). Memory: the hashes (16 bytes a key, and
// the same again while they are ordered), unless a limit sends them to files beside the dictionary;
// and the records (index and fingerprint, 5 bytes a key at ten million; 16 more for whole hashes).
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string_view>

#include "base/file.h"
#include "base/result.h"
#include "base/threads.h"

namespace palate {

struct DictionaryOptions {
  // 16 to 24; 0: whole hashes, for users, where a false accept would show somebody else's history.
  uint32_t fingerprint_bits = 16;
  size_t hash_memory_bytes_max = 0;  // 0: hashes stay in memory
};

// Not thread-safe. The file appears at commit(), whole; the same keys give the same bytes.
class DictionaryWriter {
 public:
  // `pool` must outlive it.
  static Result<DictionaryWriter> create(const Path& path, const DictionaryOptions& options,
                                         ThreadPool& pool);
  DictionaryWriter(DictionaryWriter&&) noexcept;
  ~DictionaryWriter();

  // The key with the next index. Errors: kInvalidArgument above 65,536 bytes, kOverloaded above
  // 4,294,967,294 keys, kIo, kNoSpace.
  Status add(std::string_view key);
  // Errors: kAlreadyExists with a key that was added twice, kCancelled, kIo, kNoSpace.
  Status commit(std::stop_token stop = {});

 private:
  struct State;
  explicit DictionaryWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace palate
