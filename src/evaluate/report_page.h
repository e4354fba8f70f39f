// What the pages of reports share: style, colours, escaping. Pages load nothing.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace palate {

std::string_view page_color(size_t series);  // a CSS variable: "--a"
std::string escaped(std::string_view text);
// Everything before the body's first element after its heading.
std::string page_head(std::string_view title);

}  // namespace palate
