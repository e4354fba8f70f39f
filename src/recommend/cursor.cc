#include "recommend/cursor.h"

#include <algorithm>
#include <bit>
#include <optional>

#include <sodium.h>

#include "base/byte_codec.h"

namespace palate {
namespace {

constexpr uint8_t kVersion = 2;
constexpr size_t kSignatureBytes = 16;
constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
enum Flag : uint8_t { kPersonalized = 1, kInHead = 2 };
constexpr uint32_t kAgain = 1;  // the lowest bit of a place's sources

std::string base64url(std::string_view bytes) {
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), kVariant);
  text.pop_back();  // the C string's end
  return text;
}

std::optional<std::string> from_base64url(std::string_view text) {
  // libsodium takes bytes beyond ASCII for '_'.
  if (!std::ranges::all_of(text, [](char c) { return c > 0; })) return std::nullopt;
  std::string bytes(text.size(), '\0');
  size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &size, &end, kVariant) != 0 ||
      end != text.data() + text.size()) {
    return std::nullopt;
  }
  bytes.resize(size);
  return bytes;
}

std::string_view bytes_of(const std::array<uint64_t, 2>& signature) {
  static_assert(sizeof signature == kSignatureBytes && std::endian::native == std::endian::little);
  return {reinterpret_cast<const char*>(signature.data()), kSignatureBytes};
}

void write_head(ByteWriter& out, const Cursor& cursor) {
  out.varint(cursor.head_given.size());
  for (const ItemIx item : cursor.head_given) out.varint(item.value);
  out.varint(cursor.head_left.size());
  for (const HeadPlace& place : cursor.head_left) {
    out.varint(place.item.value);
    out.fixed32(std::bit_cast<uint32_t>(place.score));
    out.fixed32(std::bit_cast<uint32_t>(place.propensity));
    out.varint(uint64_t{place.sources} << 1 | (place.again ? kAgain : 0));
  }
}

ItemIx read_item(ByteReader& in) { return {static_cast<uint32_t>(in.varint())}; }

void read_head(ByteReader& in, Cursor& cursor) {
  for (size_t left = in.count(1); left > 0; --left) cursor.head_given.push_back(read_item(in));
  for (size_t left = in.count(10); left > 0; --left) {
    HeadPlace& place = cursor.head_left.emplace_back();
    place.item = read_item(in);
    place.score = std::bit_cast<float>(in.fixed32());
    place.propensity = std::bit_cast<float>(in.fixed32());
    const uint64_t bits = in.varint();
    place.sources = static_cast<uint32_t>(bits >> 1);
    place.again = (bits & kAgain) != 0;
  }
}

std::unexpected<Error> not_ours() {
  return fail(Code::kInvalidArgument,
              "the cursor is not one of ours; pass back the `cursor` of the page before as it is, "
              "or leave it out for the first page");
}

}  // namespace

std::string encode_cursor(const Cursor& cursor, const KeyedHash& hash) {
  ByteWriter out;
  out.byte(kVersion);
  out.byte((cursor.personalized ? kPersonalized : 0) | (cursor.in_head ? kInHead : 0));
  out.byte(static_cast<uint8_t>(cursor.source));
  out.fixed32(cursor.given);
  out.fixed32(cursor.given_by_source);
  out.fixed32(std::bit_cast<uint32_t>(cursor.last_score));
  out.fixed32(cursor.last_item.value);
  for (const uint64_t word : {cursor.release, cursor.events_end, cursor.request_hash,
                              cursor.history_hash, static_cast<uint64_t>(cursor.made.us)}) {
    out.fixed64(word);
  }
  write_head(out, cursor);
  return signed_cursor(out.take(), hash);
}

std::string signed_cursor(std::string_view content, const KeyedHash& hash) {
  std::string bytes(content);
  bytes += bytes_of(hash.signature(content));
  return base64url(bytes);
}

Result<Cursor> decode_cursor(std::string_view text, const KeyedHash& hash, TimeUs now) {
  const auto bytes = from_base64url(text);
  if (!bytes || bytes->size() < kSignatureBytes) return not_ours();
  const std::string_view signed_part(bytes->data(), bytes->size() - kSignatureBytes);
  const auto expected = hash.signature(signed_part);
  if (sodium_memcmp(expected.data(), signed_part.end(), kSignatureBytes) != 0) return not_ours();
  ByteReader in(signed_part);
  if (const uint8_t version = in.byte(); version != kVersion) {
    return fail(Code::kInvalidArgument,
                "the cursor is of format {}, this server reads {}; start again with the first page",
                version, kVersion);
  }
  Cursor cursor;
  const uint8_t flags = in.byte();
  cursor.personalized = (flags & kPersonalized) != 0;
  cursor.in_head = (flags & kInHead) != 0;
  cursor.source = static_cast<SourceId>(in.byte());
  cursor.given = in.fixed32();
  cursor.given_by_source = in.fixed32();
  cursor.last_score = std::bit_cast<float>(in.fixed32());
  cursor.last_item = {in.fixed32()};
  for (uint64_t* word :
       {&cursor.release, &cursor.events_end, &cursor.request_hash, &cursor.history_hash}) {
    *word = in.fixed64();
  }
  cursor.made = {static_cast<int64_t>(in.fixed64())};
  read_head(in, cursor);
  if (!in.at_end() || cursor.source > SourceId::kCatalogue || cursor.made.us < 0) return not_ours();
  if (cursor.made.us < now.us - kCursorAgeMaxUs) {
    return fail(Code::kConflict,
                "the cursor's first page is of {}; after a day a list is made anew: start again "
                "with the first page",
                format_rfc3339(cursor.made));
  }
  return cursor;
}

}  // namespace palate
