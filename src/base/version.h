// Which palate this is.
#pragma once

#include <string_view>

namespace palate {
std::string_view version();  // "0.1.0"
}
