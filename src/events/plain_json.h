// Events of our own form, one a line, that are written plainly: no white space between tokens, no
// escapes, no control characters, every field once, numbers in their shortest form. What most
// programs write; everything else goes the careful way of event_json.h, which gives the same.
#pragma once

#include <array>
#include <string_view>

#include "events/event.h"
#include "events/event_row.h"

namespace palate {

// Not thread-safe: it remembers the order of fields from line to line.
class PlainEventJson {
 public:
  PlainEventJson();
  // Fills what the line gives; the texts point into it, a context that is not canonical as it
  // stands is written to `arena`. False when the line is not plain, right or wrong: then `texts`
  // is to be dropped. `line` is valid UTF-8 and followed by 64 readable bytes.
  bool read(std::string_view line, EventTexts& texts, Arena& arena);

 private:
  // Of one line.
  struct Cursor {
    const char* at;
    const char* end;
  };
  int read_key(Cursor& in, size_t expected) const;  // a field's number, or -1
  static bool read_string(Cursor& in, std::string_view& text);
  static bool read_number(Cursor& in, std::string_view& text);
  static bool read_context(Cursor& in, std::string_view& text, Arena& arena);

  std::array<uint8_t, kEventFieldNames.size()> order_;  // of fields in the line before
};

}  // namespace palate
