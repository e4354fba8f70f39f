// The cursor of a page: where in which list the page ended and what it belongs to, so that the
// server keeps nothing between pages. Base64url of a small versioned binary with a checksum
// (docs/formats/cursor.md): no secret, but one that was cut or belongs elsewhere is told so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace palate {

// The lists that an answer is made of, in their order.
enum class SourceId : uint8_t { kPersonal = 0, kPopular = 1, kCatalogue = 2 };

struct Cursor {
  SourceId source = SourceId::kPersonal;  // of the last item given …
  bool personalized = false;              // … and whether the first page was for this user
  uint32_t given = 0;                     // items of all pages so far
  uint32_t given_by_source = 0;           // of them, from `source`
  float last_score = 0;
  ItemIx last_item;
  uint64_t release = 0;       // that made the first page
  uint64_t events_end = 0;    // history from here on is left out, so that pages fit together
  uint64_t request_hash = 0;  // of user and filters
  uint64_t history_hash = 0;  // of the history that was read
  bool operator==(const Cursor&) const = default;
};

std::string encode_cursor(const Cursor& cursor);
// Errors: kInvalidArgument for anything that encode_cursor() did not make.
Result<Cursor> decode_cursor(std::string_view text);

}  // namespace palate
