// Writing canonical JSON: keys in the order given, no spaces, shortest numbers, only what must be
// escaped is.
#pragma once

#include <string>
#include <string_view>

namespace palate {

// `text` must be valid UTF-8.
void append_json_string(std::string& out, std::string_view text);
// Whole numbers without a fraction, others in the shortest form that reads back to the same bits.
void append_json_number(std::string& out, double value);
void append_json_number(std::string& out, float value);

}  // namespace palate
