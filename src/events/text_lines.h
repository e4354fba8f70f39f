// Going through the lines of a text.
#pragma once

#include <cstdint>
#include <string_view>

namespace palate {

// Calls visit(line, number) for every line that is not empty, without its line end, numbers from 0.
// Returns the number of lines.
template <class Visit>
uint64_t for_each_line(std::string_view text, Visit&& visit) {
  uint64_t number = 0;
  while (!text.empty()) {
    const size_t feed = text.find('\n');
    std::string_view line = text.substr(0, feed);
    text.remove_prefix(feed == std::string_view::npos ? text.size() : feed + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) visit(line, number);
    ++number;
  }
  return number;
}

}  // namespace palate
