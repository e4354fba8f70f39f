#include "events/text_source.h"

#include <algorithm>
#include <cstring>

#include "events/limits.h"

namespace palate {
namespace {

constexpr size_t kPadding = 64;
constexpr size_t kPeekBytes = 64 * 1024;
// Room for a chunk and, behind it, for the longest row that is looked at as a whole.
constexpr size_t kBufferBytes = kChunkBytes + kLineBytesMax + 2 * kPadding;

std::shared_ptr<char[]> padded_copy(std::string_view text) {
  std::shared_ptr<char[]> bytes(new char[text.size() + kPadding]);
  std::ranges::copy(text, bytes.get());
  std::memset(bytes.get() + text.size(), 0, kPadding);
  return bytes;
}

}  // namespace

TextSource::TextSource(Path path, std::shared_ptr<MappedFile> file)
    : path_(std::move(path)), file_(std::move(file)), compression_(compression_of(file_->text())) {}

Result<std::unique_ptr<TextSource>> TextSource::open(const Path& path) {
  auto file = std::make_shared<MappedFile>(TRY(MappedFile::open(path)));
  std::unique_ptr<TextSource> source(new TextSource(path, std::move(file)));
  if (source->compression_ != Compression::kNone) {
    source->decompressor_ =
        std::make_unique<Decompressor>(TRY(Decompressor::open(source->file_->text(), path)));
    source->buffer_.reset(new char[kBufferBytes + kPadding]);
  }
  return source;
}

uint64_t TextSource::bytes_total() const { return file_->bytes().size(); }
uint64_t TextSource::bytes_read() const {
  return decompressor_ ? decompressor_->bytes_consumed() : at_;
}

// Reads until `wanted` bytes are there or the text ends.
Status TextSource::fill(size_t wanted) {
  while (!finished_ && end_ - begin_ < wanted) {
    const size_t got = TRY(decompressor_->read(buffer_.get() + end_, wanted - (end_ - begin_)));
    finished_ = got == 0;
    end_ += got;
  }
  return {};
}

Result<std::string_view> TextSource::peek() {
  if (!decompressor_) return file_->text().substr(at_);
  TRY(fill(kPeekBytes));
  return std::string_view(buffer_.get() + begin_, end_ - begin_);
}

void TextSource::skip(size_t bytes) { (decompressor_ ? begin_ : at_) += bytes; }

Result<bool> TextSource::next(const Dialect& dialect, TextChunk& chunk) {
  if (decompressor_) return next_decompressed(dialect, chunk);
  return next_mapped(dialect, chunk);
}

bool TextSource::next_mapped(const Dialect& dialect, TextChunk& chunk) {
  const std::string_view rest = file_->text().substr(at_);
  if (rest.empty()) return false;
  size_t size = 0;
  for (size_t window = kChunkBytes; size == 0; window *= 2) {
    const bool all = window >= rest.size();
    size = rows_end(rest.substr(0, window), dialect, all);
  }
  chunk.text = rest.substr(0, size);
  chunk.owner = file_;
  if (rest.size() - size < kPadding) {
    std::shared_ptr<char[]> copy = padded_copy(chunk.text);
    chunk.text = {copy.get(), size};
    chunk.owner = std::move(copy);
  }
  at_ += size;
  return true;
}

Result<bool> TextSource::next_decompressed(const Dialect& dialect, TextChunk& chunk) {
  TRY(fill(kChunkBytes));
  size_t size = rows_end({buffer_.get() + begin_, end_ - begin_}, dialect, finished_);
  if (size == 0 && !finished_) {
    TRY(fill(kBufferBytes - begin_));
    size = rows_end({buffer_.get() + begin_, end_ - begin_}, dialect, finished_);
  }
  if (end_ == begin_) return false;
  const bool too_long = size == 0;
  if (too_long) size = end_ - begin_;
  std::shared_ptr<char[]> next(new char[kBufferBytes + kPadding]);
  const size_t left = end_ - begin_ - size;
  std::memcpy(next.get(), buffer_.get() + begin_ + size, left);
  chunk.text = {buffer_.get() + begin_, size};
  if (too_long) {
    buffer_.get()[begin_ + size - 1] = '\n';
  } else {
    std::memset(buffer_.get() + end_, 0, kPadding);
  }
  chunk.owner = std::exchange(buffer_, std::move(next));
  begin_ = 0;
  end_ = left;
  if (too_long) TRY(skip_line());
  return true;
}

// Throws away the rest of a line that was too long.
Status TextSource::skip_line() {
  while (true) {
    TRY(fill(kPeekBytes));
    const std::string_view text(buffer_.get() + begin_, end_ - begin_);
    const size_t feed = text.find('\n');
    if (feed != std::string_view::npos) {
      begin_ += feed + 1;
      return {};
    }
    begin_ = end_ = 0;
    if (finished_) return {};
  }
}

}  // namespace palate
