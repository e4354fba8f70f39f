// Bytes in and out of a block: little-endian words and LEB128 varints. The source never leaves its
// bytes: after the first wrong one it is failed, gives zeros and stays so, so that a decoder may
// check once a column.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace palate {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are copied as they lie in memory");

inline uint64_t zigzag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
inline int64_t unzigzag(uint64_t value) {
  return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

inline void put_varint(uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

template <class Word>
void put_fixed(Word value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

inline void put_text(std::string_view text, std::string& out) {
  put_varint(text.size(), out);
  out.append(text);
}

class ByteSource {
 public:
  explicit ByteSource(std::string_view bytes) : left_(bytes) {}

  // The next `size` bytes, or nothing (and failed) when there are fewer.
  std::string_view take(uint64_t size) {
    if (size > left_.size()) {
      failed_ = true;
      left_ = {};
      return {};
    }
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }
  template <class Word>
  Word fixed() {
    Word value{};
    const std::string_view bytes = take(sizeof value);
    if (!failed_) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = fixed<uint8_t>();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    failed_ = true;
    left_ = {};
    return 0;
  }
  std::string_view text() { return take(varint()); }

  // Marks what was read as wrong.
  void fail() {
    failed_ = true;
    left_ = {};
  }
  [[nodiscard]] bool failed() const { return failed_; }
  // Everything was read and nothing was wrong.
  [[nodiscard]] bool finished() const { return !failed_ && left_.empty(); }
  [[nodiscard]] size_t left() const { return left_.size(); }

 private:
  std::string_view left_;
  bool failed_ = false;
};

}  // namespace palate
