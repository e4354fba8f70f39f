#include "events/packed_integers.h"

#include <algorithm>
#include <array>
#include <bit>

namespace palate {
namespace {

// Widths up to 56 fit one unaligned 64-bit load at any bit; wider chunks take whole words.
constexpr unsigned kWidthPackedMax = 56;
constexpr unsigned kWidthWhole = 64;

size_t packed_bytes(size_t count, unsigned width) { return (count * width + 7) / 8; }

struct Range {
  int64_t low, high;
};

Range range_of(std::span<const int64_t> values) {
  Range range{values.front(), values.front()};
  for (const int64_t value : values) {
    range.low = std::min(range.low, value);
    range.high = std::max(range.high, value);
  }
  return range;
}

void pack_chunk(std::span<const int64_t> values, std::string& out) {
  const Range range = range_of(values);
  const auto base = static_cast<uint64_t>(range.low);
  unsigned width = static_cast<unsigned>(std::bit_width(static_cast<uint64_t>(range.high) - base));
  if (width > kWidthPackedMax) width = kWidthWhole;
  put_varint(zigzag(range.low), out);
  out.push_back(static_cast<char>(width));
  if (width == kWidthWhole) {
    for (int64_t value : values) put_fixed(static_cast<uint64_t>(value) - base, out);
    return;
  }
  std::array<char, kPackedChunk * 8 + 8> buffer;
  char* next = buffer.data();
  uint64_t word = 0;  // its low `used` bits are filled
  unsigned used = 0;
  for (const int64_t value : values) {
    const uint64_t bits = static_cast<uint64_t>(value) - base;
    word |= bits << used;
    used += width;
    if (used < 64) continue;
    std::memcpy(next, &word, sizeof word);
    next += sizeof word;
    used -= 64;
    word = used == 0 ? 0 : bits >> (width - used);
  }
  std::memcpy(next, &word, sizeof word);
  out.append(buffer.data(), packed_bytes(values.size(), width));
}

void unpack_chunk(ByteSource& in, std::span<int64_t> values) {
  const auto base = static_cast<uint64_t>(unzigzag(in.varint()));
  const unsigned width = in.fixed<uint8_t>();
  if (width > kWidthPackedMax && width != kWidthWhole) in.fail();
  const std::string_view packed = in.take(packed_bytes(values.size(), width));
  if (in.failed()) return;
  std::array<char, kPackedChunk * 8 + 8> buffer;
  std::memcpy(buffer.data(), packed.data(), packed.size());
  std::memset(buffer.data() + packed.size(), 0, 8);
  const uint64_t mask = width == kWidthWhole ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t bit = i * width;
    uint64_t word = 0;
    std::memcpy(&word, buffer.data() + bit / 8, sizeof word);
    values[i] = static_cast<int64_t>(base + ((word >> (bit % 8)) & mask));
  }
}

}  // namespace

void pack_integers(std::span<const int64_t> values, std::string& out) {
  for (size_t at = 0; at < values.size(); at += kPackedChunk) {
    pack_chunk(values.subspan(at, std::min(kPackedChunk, values.size() - at)), out);
  }
}

void unpack_integers(ByteSource& in, std::span<int64_t> values) {
  for (size_t at = 0; at < values.size() && !in.failed(); at += kPackedChunk) {
    unpack_chunk(in, values.subspan(at, std::min(kPackedChunk, values.size() - at)));
  }
}

void skip_integers(ByteSource& in, size_t count) {
  for (size_t at = 0; at < count && !in.failed(); at += kPackedChunk) {
    in.varint();
    const unsigned width = in.fixed<uint8_t>();
    if (width > kWidthWhole) return in.fail();
    in.take(packed_bytes(std::min(kPackedChunk, count - at), width));
  }
}

}  // namespace palate
