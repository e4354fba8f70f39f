#include "events/block_frame.h"

#include <cstring>

#include <zstd.h>

#include "base/check.h"
#include "base/hash.h"
#include "events/block.h"
#include "events/block_bytes.h"

namespace palate {
namespace {

constexpr uint32_t kMagic = 0x4b4c4250;  // "PBLK"
constexpr uint8_t kVersion = 1;
constexpr uint8_t kFlagZstd = 1;
constexpr size_t kHeaderBytes = 16;
constexpr int kZstdLevel = 1;

struct Header {
  uint32_t magic;
  uint8_t version, kind, flags, zero;
  uint32_t count;
  uint32_t body_bytes;  // before compression
};
static_assert(sizeof(Header) == kHeaderBytes);
static_assert(kHeaderBytes + sizeof(uint64_t) == kBlockFrameBytes);

// The stored form of the body, or nothing when it would not be an eighth smaller.
std::string compress(std::string_view body) {
  std::string packed(ZSTD_compressBound(body.size()), '\0');
  const size_t size =
      ZSTD_compress(packed.data(), packed.size(), body.data(), body.size(), kZstdLevel);
  if (ZSTD_isError(size) != 0 || size > body.size() / 8 * 7) return {};
  packed.resize(size);
  return packed;
}

// Checksum first: a flipped bit is kCorrupt wherever it is, also in the version.
Result<Header> check_header(std::string_view bytes) {
  if (bytes.size() < kBlockFrameBytes) {
    return fail(Code::kCorrupt, "block: {} bytes are too few for its frame", bytes.size());
  }
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  uint64_t stored = 0;
  const std::string_view covered = bytes.substr(0, bytes.size() - sizeof stored);
  std::memcpy(&stored, bytes.data() + covered.size(), sizeof stored);
  if (header.magic != kMagic || stored != hash64(covered)) {
    return fail(Code::kCorrupt, "block: the checksum does not fit its {} bytes", bytes.size());
  }
  if (header.version != kVersion) {
    return fail(Code::kUnsupportedVersion,
                "block: format {} is not known to this program, which "
                "reads {}; use a newer one",
                header.version, kVersion);
  }
  if (header.kind > static_cast<uint8_t>(Stream::kDecisions) || header.flags > kFlagZstd ||
      header.zero != 0 || header.count == 0 || header.count > kBlockCountMax ||
      header.body_bytes > kBlockBodyBytesMax) {
    return fail(Code::kCorrupt, "block: its header makes no sense");
  }
  return header;
}

}  // namespace

std::string seal_block(Stream kind, uint32_t count, std::string_view body,
                       BlockCompression compression) {
  PALATE_CHECK(count > 0 && count <= kBlockCountMax, "a block has one to 65,536 records");
  PALATE_CHECK(body.size() <= kBlockBodyBytesMax, "a record is too large for a block");
  const std::string packed =
      compression == BlockCompression::kTryZstd ? compress(body) : std::string();
  const Header header{.magic = kMagic,
                      .version = kVersion,
                      .kind = static_cast<uint8_t>(kind),
                      .flags = packed.empty() ? uint8_t{0} : kFlagZstd,
                      .zero = 0,
                      .count = count,
                      .body_bytes = static_cast<uint32_t>(body.size())};
  std::string bytes;
  bytes.reserve(kBlockFrameBytes + body.size());
  put_fixed(header, bytes);
  bytes.append(packed.empty() ? body : packed);
  put_fixed(hash64(bytes), bytes);
  return bytes;
}

Result<BlockInfo> inspect_block(std::string_view bytes) {
  const Header header = TRY(check_header(bytes));
  return BlockInfo{.kind = static_cast<Stream>(header.kind), .count = header.count};
}

Result<OpenedBlock> open_block(Stream kind, std::string_view bytes) {
  const Header header = TRY(check_header(bytes));
  if (header.kind != static_cast<uint8_t>(kind)) {
    return fail(Code::kCorrupt, "block: holds kind {} where {} is due", header.kind,
                static_cast<int>(kind));
  }
  const std::string_view stored = bytes.substr(kHeaderBytes, bytes.size() - kBlockFrameBytes);
  std::string body;
  if ((header.flags & kFlagZstd) == 0) {
    body = stored;
  } else {
    body.resize(header.body_bytes);
    const size_t size = ZSTD_decompress(body.data(), body.size(), stored.data(), stored.size());
    if (ZSTD_isError(size) != 0)
      body.clear();
    else
      body.resize(size);
  }
  if (body.size() != header.body_bytes) {
    return fail(Code::kCorrupt, "block: its body has not the {} bytes it should have",
                header.body_bytes);
  }
  return OpenedBlock{.count = header.count,
                     .body = std::make_shared<const std::string>(std::move(body))};
}

}  // namespace palate
