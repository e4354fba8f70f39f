// What every block has around its body: magic, version, kind, count, sizes, and a checksum over
// everything before it. Layout: docs/formats/log-block.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace palate {

inline constexpr size_t kBlockFrameBytes = 24;            // header and checksum
inline constexpr uint32_t kBlockCountMax = 65'536;        // records in a block
inline constexpr size_t kBlockBodyBytesMax = 4ull << 20;  // before compression

struct OpenedBlock {
  uint32_t count = 0;
  std::shared_ptr<const std::string> body;  // decompressed
};

enum class BlockCompression : uint8_t { kNone, kTryZstd };

// Puts the frame around `body`; compressed when asked for and an eighth smaller that way.
std::string seal_block(Stream kind, uint32_t count, std::string_view body,
                       BlockCompression compression);

// Verifies the frame and gives the body. Errors: kCorrupt, kUnsupportedVersion.
Result<OpenedBlock> open_block(Stream kind, std::string_view bytes);

}  // namespace palate
