// A column of strings inside a block, in the smallest of four forms: one string for all rows; a
// common prefix and packed numbers ("u17", "u4"); a dictionary and packed places in it; or lengths
// and bytes. Layout: docs/formats/log-block.md.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/block_bytes.h"
#include "events/event.h"
#include "events/taste_columns.h"

namespace palate {

// Appends the column; returns how many of its bytes are text (what a compressor could shrink).
size_t encode_text(std::span<const std::string_view> column, std::string& out);

// Fills `column`. Strings point into the source's bytes or into `arena`. On wrong bytes `in` is
// failed and the content is unspecified.
void decode_text(ByteSource& in, std::span<std::string_view> column, Arena& arena);

// The same column as it lies there, `rows` long; and past it, without looking at its texts.
void decode_names(ByteSource& in, size_t rows, NameColumn& column);
void skip_text(ByteSource& in, size_t rows);

}  // namespace palate
