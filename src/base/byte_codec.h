// Little-endian fixed integers and LEB128 varints for values of the state store and cursors. The
// reader never leaves its bytes: after the first wrong byte it returns zeros and ok() is false, so
// a decoder checks once per loop instead of once per field.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace palate {

inline uint64_t zigzag_of(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}

// Writes at `next`, which has room for ten bytes; returns what comes after.
inline char* put_varint_at(char* next, uint64_t value) {
  while (value >= 0x80) {
    *next++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *next++ = static_cast<char>(value);
  return next;
}

class ByteWriter {
 public:
  void reserve(size_t bytes) { out_.reserve(bytes); }
  void byte(uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void varint(uint64_t value) {
    char buffer[10];
    size_t size = 0;
    while (value >= 0x80) {
      buffer[size++] = static_cast<char>(value | 0x80);
      value >>= 7;
    }
    buffer[size++] = static_cast<char>(value);
    out_.append(buffer, size);
  }
  void zigzag(int64_t value) { varint(zigzag_of(value)); }
  void fixed32(uint32_t value) { fixed(&value, sizeof value); }
  void fixed64(uint64_t value) { fixed(&value, sizeof value); }
  void text(std::string_view value) {
    varint(value.size());
    out_.append(value);
  }
  [[nodiscard]] std::string take() { return std::move(out_); }
  // Goes on behind `bytes`, in their memory.
  void write_into(std::string bytes) { out_ = std::move(bytes); }
  // Varints one after the other without a look at the room left for each: `write` gets a cursor
  // that may advance by up to `bytes_max`.
  template <class Write>
  void many(size_t bytes_max, Write&& write) {
    const size_t before = out_.size();
    out_.resize_and_overwrite(before + bytes_max, [&](char* bytes, size_t) {
      return static_cast<size_t>(write(bytes + before) - bytes);
    });
  }

 private:
  void fixed(const void* value, size_t size) {
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
    out_.append(static_cast<const char*>(value), size);
  }
  std::string out_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : next_(bytes.data()), end_(next_ + bytes.size()) {}

  uint8_t byte() {
    if (next_ == end_) return failed();
    return static_cast<uint8_t>(*next_++);
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && next_ != end_; shift += 7) {
      const auto b = static_cast<uint8_t>(*next_++);
      if (shift == 63 && b > 1) break;
      value |= static_cast<uint64_t>(b & 0x7f) << shift;
      if (b < 0x80) return value;
    }
    return failed();
  }
  int64_t zigzag() {
    const uint64_t value = varint();
    return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
  }
  uint32_t fixed32() { return fixed<uint32_t>(); }
  uint64_t fixed64() { return fixed<uint64_t>(); }
  // Points into the bytes.
  std::string_view text() {
    const uint64_t size = varint();
    if (size > left()) {
      failed();
      return {};
    }
    next_ += size;
    return {next_ - size, static_cast<size_t>(size)};
  }
  // A count of things that take at least `bytes_each` bytes, so that no more than can be there is
  // ever reserved.
  size_t count(size_t bytes_each) {
    const uint64_t value = varint();
    return value <= left() / bytes_each ? value : failed();
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return ok_ && next_ == end_; }

 private:
  [[nodiscard]] size_t left() const { return static_cast<size_t>(end_ - next_); }
  uint8_t failed() {
    ok_ = false;
    next_ = end_;
    return 0;
  }
  template <class T>
  T fixed() {
    T value = 0;
    if (left() < sizeof value) return failed();
    std::memcpy(&value, next_, sizeof value);
    next_ += sizeof value;
    return value;
  }
  const char* next_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace palate
