// Reading gzip and zstd as one stream of bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace palate {

enum class Compression : uint8_t { kNone, kGzip, kZstd };
Compression compression_of(std::string_view first_bytes);  // by the magic bytes

// Members and frames that follow one another are read on as one text. Not thread-safe.
class Decompressor {
 public:
  // `compressed` must outlive the object; `path` is for messages.
  static Result<Decompressor> open(std::string_view compressed, const Path& path);
  Decompressor(Decompressor&&) noexcept;
  ~Decompressor();
  // Fills up to `size` bytes; 0 means that the end was reached and was good. Errors: kCorrupt for a
  // truncated or damaged stream, with file and offset.
  Result<size_t> read(char* out, size_t size);
  [[nodiscard]] size_t bytes_consumed() const;

 private:
  struct State;
  explicit Decompressor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace palate
