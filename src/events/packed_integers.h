// A column of 64-bit integers in chunks of 128: each chunk has its smallest value and the others as
// differences to it, in as many bits as the largest difference needs (frame of reference). One
// outlier so costs its chunk only. Layout: docs/formats/log-block.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "events/block_bytes.h"

namespace palate {

inline constexpr size_t kPackedChunk = 128;

void pack_integers(std::span<const int64_t> values, std::string& out);
// Fills `values`; when the bytes do not hold them, `in` is failed and the content is unspecified.
void unpack_integers(ByteSource& in, std::span<int64_t> values);
// Goes past `count` of them.
void skip_integers(ByteSource& in, size_t count);

}  // namespace palate
