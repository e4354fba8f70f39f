#include "ids/key_blocks.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>

#include "base/check.h"

namespace palate {
namespace {

enum class Form : uint8_t { kNumbers = 0, kPlain = 1, kCoded = 2 };

constexpr size_t kDigitsMax = 18;  // of a number: fits 63 bits

void put_varint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

// Takes values off the front; after the first that is not there it is failed.
struct Reader {
  std::string_view left;
  bool failed = false;

  std::string_view take(uint64_t size) {
    failed = failed || size > left.size();
    if (failed) return {};
    const auto taken = left.substr(0, size);
    left.remove_prefix(size);
    return taken;
  }
  uint8_t byte() {
    const auto taken = take(1);
    return failed ? 0 : static_cast<uint8_t>(taken.front());
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (uint32_t shift = 0; shift < 64; shift += 7) {
      const uint8_t next = byte();
      value |= uint64_t{next & 0x7fU} << shift;
      if (next < 0x80) return value;
    }
    failed = true;
    return 0;
  }
};

// Values minus their minimum, each in as many bits as the largest needs.
void put_packed(std::span<const uint64_t> values, std::string& out) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const auto width = static_cast<uint32_t>(std::bit_width(*most - *least));
  put_varint(*least, out);
  out.push_back(static_cast<char>(width));
  const size_t begin = out.size();
  out.resize(begin + (values.size() * width + 7) / 8);
  for (size_t i = 0; i < values.size(); ++i) {
    for (uint32_t bit = 0; bit < width; ++bit) {
      const size_t at = i * width + bit;
      if (((values[i] - *least) >> bit & 1) != 0) {
        out[begin + at / 8] = static_cast<char>(out[begin + at / 8] | 1 << (at % 8));
      }
    }
  }
}

struct Packed {
  uint64_t least = 0;
  uint32_t width = 0;
  std::string_view bits;

  Packed(Reader& in, size_t count) : least(in.varint()), width(in.byte()) {
    if (width > 63) in.failed = true;
    bits = in.take((count * width + 7) / 8);
  }
  [[nodiscard]] uint64_t at(size_t i) const {
    if (width == 0) return least;
    const size_t bit = i * width, first = bit / 8;
    std::array<uint64_t, 2> words{};
    std::memcpy(words.data(), bits.data() + first,
                std::min<size_t>(bits.size() - first, (bit % 8 + width + 7) / 8));
    uint64_t value = words[0] >> (bit % 8);
    if (bit % 8 != 0) value |= words[1] << (64 - bit % 8);
    return least + (value & ((uint64_t{1} << width) - 1));
  }
};

size_t common_prefix(std::span<const std::string_view> keys) {
  size_t size = keys.front().size();
  for (const std::string_view key : keys) {
    const auto differ =
        std::mismatch(key.begin(), key.begin() + std::min(size, key.size()), keys.front().begin());
    size = static_cast<size_t>(differ.first - key.begin());
  }
  return size;
}

bool is_digit(char c) { return '0' <= c && c <= '9'; }

// The keys as one prefix and numbers behind it: `digits` each, or 0: as many as they need.
struct Numbers {
  size_t prefix = 0, digits = 0;
  std::array<uint64_t, kKeysPerBlock> values{};
};

bool parse_numbers(std::span<const std::string_view> keys, size_t common, Numbers& out) {
  const std::string_view first = keys.front();
  while (common > 0 && is_digit(first[common - 1])) --common;
  out.prefix = common;
  bool natural = true, same_width = true;
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::string_view digits = keys[i].substr(common);
    if (digits.empty() || digits.size() > kDigitsMax) return false;
    const char* end = digits.data() + digits.size();
    if (!is_digit(digits.front()) ||
        std::from_chars(digits.data(), end, out.values[i]).ptr != end) {
      return false;
    }
    natural &= digits.front() != '0' || digits.size() == 1;
    same_width &= keys[i].size() == first.size();
  }
  out.digits = natural ? 0 : first.size() - common;
  return natural || same_width;
}

void append_text(std::span<const std::string_view> keys, size_t prefix, const SymbolTable& symbols,
                 std::string& out) {
  std::string coded, plain;
  std::array<uint64_t, kKeysPerBlock> coded_sizes{}, plain_sizes{};
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::string_view text = keys[i].substr(prefix);
    const size_t before = coded.size();
    symbols.encode(text, coded);
    coded_sizes[i] = coded.size() - before;
    plain_sizes[i] = text.size();
    plain.append(text);
  }
  const bool use_coded = coded.size() < plain.size();
  out.push_back(static_cast<char>(use_coded ? Form::kCoded : Form::kPlain));
  put_varint(prefix, out);
  out.append(keys.front().substr(0, prefix));
  out.push_back(static_cast<char>(keys.size()));
  put_packed(std::span(use_coded ? coded_sizes : plain_sizes).first(keys.size()), out);
  out.append(use_coded ? coded : plain);
}

bool read_number(Reader in, std::string_view prefix, size_t i, std::string& out) {
  const size_t digits = in.byte(), count = in.byte();
  const Packed numbers(in, count);
  if (in.failed || i >= count || count > kKeysPerBlock || digits > kDigitsMax) return false;
  std::array<char, 20> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), numbers.at(i)).ptr;
  const auto size = static_cast<size_t>(end - text.data());
  out.append(prefix);
  if (size < digits) out.append(digits - size, '0');
  out.append(text.data(), size);
  return true;
}

}  // namespace

void append_key_block(std::span<const std::string_view> keys, const SymbolTable& symbols,
                      std::string& out) {
  PALATE_CHECK(!keys.empty() && keys.size() <= kKeysPerBlock, "a block has 1 to 32 keys");
  const size_t common = common_prefix(keys);
  Numbers numbers;
  if (!parse_numbers(keys, common, numbers)) return append_text(keys, common, symbols, out);
  out.push_back(static_cast<char>(Form::kNumbers));
  put_varint(numbers.prefix, out);
  out.append(keys.front().substr(0, numbers.prefix));
  out.push_back(static_cast<char>(numbers.digits));
  out.push_back(static_cast<char>(keys.size()));
  put_packed(std::span(numbers.values).first(keys.size()), out);
}

bool read_key(std::string_view block, size_t i, const SymbolTable& symbols, std::string& out) {
  Reader in{block};
  const auto form = static_cast<Form>(in.byte());
  const std::string_view prefix = in.take(in.varint());
  if (in.failed) return false;
  if (form == Form::kNumbers) return read_number(in, prefix, i, out);
  const size_t count = in.byte();
  const Packed sizes(in, count);
  if (in.failed || i >= count || count > kKeysPerBlock || form > Form::kCoded) return false;
  uint64_t begin = 0;
  for (size_t k = 0; k < i; ++k) begin += std::min<uint64_t>(sizes.at(k), block.size());
  in.take(begin);
  const std::string_view text = in.take(sizes.at(i));
  if (in.failed) return false;
  out.append(prefix);
  if (form == Form::kCoded) return symbols.decode(text, kKeyBytesMax, out);
  out.append(text);
  return true;
}

}  // namespace palate
