// A file's text, decompressed where need be, in chunks that end at a row's end. Plain files are
// mapped and not copied.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/file.h"
#include "base/result.h"
#include "events/decompress.h"
#include "events/table_rows.h"

namespace palate {

struct TextChunk {
  std::string_view text;              // at least 64 bytes behind it can be read
  std::shared_ptr<const void> owner;  // keeps `text` valid
};

class TextSource {
 public:
  static Result<std::unique_ptr<TextSource>> open(const Path& path);

  // What comes next, without taking it: the whole rest, or at least its first 64 KiB.
  Result<std::string_view> peek();
  void skip(size_t bytes);  // at most as many as peek() gave
  // False at the end. A row longer than kLineBytesMax comes alone, perhaps cut, but still longer
  // than that. Errors: kCorrupt for compressed data; what came before was good.
  Result<bool> next(const Dialect& dialect, TextChunk& chunk);

  [[nodiscard]] uint64_t bytes_total() const;  // of the file
  [[nodiscard]] uint64_t bytes_read() const;   // of the file
  [[nodiscard]] Compression compression() const { return compression_; }
  [[nodiscard]] const Path& path() const { return path_; }

 private:
  TextSource(Path path, std::shared_ptr<MappedFile> file);
  bool next_mapped(const Dialect& dialect, TextChunk& chunk);
  Result<bool> next_decompressed(const Dialect& dialect, TextChunk& chunk);
  Status fill(size_t wanted);
  Status skip_line();

  Path path_;
  std::shared_ptr<MappedFile> file_;
  Compression compression_;
  std::unique_ptr<Decompressor> decompressor_;
  size_t at_ = 0;  // of a mapped file
  // Of a compressed one: bytes [begin_, end_) of buffer_ are not given out yet.
  std::shared_ptr<char[]> buffer_;
  size_t begin_ = 0, end_ = 0;
  bool finished_ = false;
};

}  // namespace palate
