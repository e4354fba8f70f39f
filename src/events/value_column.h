// A column of doubles with holes (NaN). Numbers with at most three decimals are packed integers
// with a scale; what is not one, for any row, makes the column plain 64-bit words. Exact either
// way. Layout: docs/formats/log-block.md.
#pragma once

#include <span>
#include <string>

#include "events/block_bytes.h"

namespace palate {

void encode_values(std::span<const double> values, std::string& out);
// Fills `values`; on wrong bytes `in` is failed and the content is unspecified.
void decode_values(ByteSource& in, std::span<double> values);

}  // namespace palate
