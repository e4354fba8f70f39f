#include "recommend/cursor.h"

#include <array>
#include <bit>
#include <cstring>
#include <optional>

#include "base/hash.h"

namespace palate {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kBytes = 60;         // multiple of three: no padding
constexpr size_t kCheckedBytes = 52;  // all but the checksum
constexpr size_t kCharacters = kBytes / 3 * 4;
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static_assert(std::endian::native == std::endian::little);

using Bytes = std::array<unsigned char, kBytes>;

std::string base64url(const Bytes& bytes) {
  std::string text;
  text.reserve(kCharacters);
  for (size_t i = 0; i < kBytes; i += 3) {
    const uint32_t group = bytes[i] << 16 | bytes[i + 1] << 8 | bytes[i + 2];
    for (int shift = 18; shift >= 0; shift -= 6) text += kAlphabet[group >> shift & 63];
  }
  return text;
}

std::optional<Bytes> from_base64url(std::string_view text) {
  if (text.size() != kCharacters) return std::nullopt;
  Bytes bytes;
  for (size_t i = 0, out = 0; i < kCharacters; i += 4, out += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 4; ++j) {
      const size_t digit = kAlphabet.find(text[i + j]);
      if (digit == std::string_view::npos) return std::nullopt;
      group = group << 6 | static_cast<uint32_t>(digit);
    }
    bytes[out] = static_cast<unsigned char>(group >> 16);
    bytes[out + 1] = static_cast<unsigned char>(group >> 8);
    bytes[out + 2] = static_cast<unsigned char>(group);
  }
  return bytes;
}

uint64_t checksum(const Bytes& bytes) {
  return hash64({reinterpret_cast<const char*>(bytes.data()), kCheckedBytes});
}

// Copies fields one after another, in or out: the layout is said once, in visit().
struct Put {
  unsigned char* at;
  template <class T>
  void operator()(const T& value) {
    std::memcpy(at, &value, sizeof value);
    at += sizeof value;
  }
};
struct Get {
  const unsigned char* at;
  template <class T>
  void operator()(T& value) {
    std::memcpy(&value, at, sizeof value);
    at += sizeof value;
  }
};

template <class Field, class C>
void visit(Field&& field, C& cursor) {
  field(cursor.given);
  field(cursor.given_by_source);
  field(cursor.last_score);
  field(cursor.last_item.value);
  field(cursor.release);
  field(cursor.events_end);
  field(cursor.request_hash);
  field(cursor.history_hash);
}

}  // namespace

std::string encode_cursor(const Cursor& cursor) {
  Bytes bytes{kVersion, cursor.personalized, static_cast<unsigned char>(cursor.source), 0};
  visit(Put{bytes.data() + 4}, cursor);
  const uint64_t sum = checksum(bytes);
  std::memcpy(bytes.data() + kCheckedBytes, &sum, sizeof sum);
  return base64url(bytes);
}

Result<Cursor> decode_cursor(std::string_view text) {
  const auto bytes = from_base64url(text);
  uint64_t sum = 0;
  if (bytes) std::memcpy(&sum, bytes->data() + kCheckedBytes, sizeof sum);
  if (!bytes || sum != checksum(*bytes)) {
    return fail(Code::kInvalidArgument,
                "the cursor is not one of ours; pass back the `cursor` of the page before as it "
                "is, or leave it out for the first page");
  }
  if ((*bytes)[0] != kVersion || (*bytes)[1] > 1 || (*bytes)[2] > 2) {
    return fail(Code::kInvalidArgument,
                "the cursor is of format {}, this server reads {}; start again with the first page",
                (*bytes)[0], kVersion);
  }
  Cursor cursor;
  cursor.personalized = (*bytes)[1] != 0;
  cursor.source = static_cast<SourceId>((*bytes)[2]);
  visit(Get{bytes->data() + 4}, cursor);
  return cursor;
}

}  // namespace palate
