// Finds items by what somebody types: by the beginnings of words of a title, or of the id.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "features/live_state.h"

namespace palate {

// Lower case for comparing: ASCII, Latin-1, Latin Extended-A, Greek and Cyrillic; other bytes as
// they are.
void fold_case(std::string_view text, std::string& out);

// How well a text answers what is looked for; 0: not at all. Both folded. Every word looked for
// must begin a word of the text; better when the text begins with all of it, best when it is it.
int match_of(std::string_view text, std::string_view wanted);

struct TitleSearch {
  static constexpr size_t kItemsReadMax = 1'000'000;
  std::string text;
  size_t n = 10;
  TimeUs now;
};

struct FoundItems {
  std::vector<ItemIx> items;  // best first, the more popular of equals
  size_t read = 0;            // items that were looked at: all, or kItemsReadMax
};

// Takes about 0.1 s a million items: not on an event loop. The catalogue's writer is let in between
// blocks of items.
FoundItems find_items(const LiveState& state, const TitleSearch& search);

}  // namespace palate
