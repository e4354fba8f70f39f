// The cursor of a page: where in which list the page ended, what it belongs to, and what of the
// list that a pipeline made is still to come, so that the server keeps nothing between pages.
// Base64url of a small versioned binary, signed (docs/formats/cursor.md): what we have not given
// out, and what is too old, is refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "ids/keyed_hash.h"

namespace palate {

// The lists that an answer is made of, in their order.
enum class SourceId : uint8_t { kPersonal = 0, kPopular = 1, kCatalogue = 2 };

// So many places of an answer a pipeline fills with care; the rest follows the models' lists.
inline constexpr size_t kHeadPlacesMax = 500;
inline constexpr int64_t kCursorAgeMaxUs = kDayUs;
inline constexpr size_t kCursorBytesMax = 12'288;  // longer than any that is given out

// A place of the head, as a pipeline has filled it.
struct HeadPlace {
  ItemIx item;
  float score = 0;
  uint32_t sources = 0;  // bit s: the pipeline's s-th stage proposed it
  float propensity = 1;  // of this place, given those before
  bool again = false;    // comes though the user had it
  bool operator==(const HeadPlace&) const = default;
};

struct Cursor {
  SourceId source = SourceId::kPersonal;  // of the last item given behind the head …
  bool personalized = false;              // … and whether the first page was for this user
  bool in_head = false;                   // nothing behind the head was given yet
  uint32_t given = 0;                     // items of all pages so far
  uint32_t given_by_source = 0;           // of them, from `source`
  float last_score = 0;
  ItemIx last_item = {};
  uint64_t release = 0;       // that made the first page
  uint64_t events_end = 0;    // history from here on is left out, so that pages fit together
  uint64_t request_hash = 0;  // of user, filters and pipeline
  uint64_t history_hash = 0;  // of the history that was read
  TimeUs made = {};           // the first page
  std::vector<ItemIx> head_given = {};
  std::vector<HeadPlace> head_left = {};  // with head_given at most kHeadPlacesMax
  bool operator==(const Cursor&) const = default;
};

std::string encode_cursor(const Cursor& cursor, const KeyedHash& hash);
// `content` as a cursor's text, whatever it says.
std::string signed_cursor(std::string_view content, const KeyedHash& hash);
// Errors: kInvalidArgument for anything that encode_cursor() did not make with this key, kConflict
// for a first page of more than kCursorAgeMaxUs before `now`.
Result<Cursor> decode_cursor(std::string_view text, const KeyedHash& hash, TimeUs now);

}  // namespace palate
