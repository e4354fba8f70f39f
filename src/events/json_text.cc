#include "events/json_text.h"

#include <array>
#include <charconv>
#include <cmath>

namespace palate {

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

namespace {
template <class Real>
void append_number(std::string& out, Real value) {
  std::array<char, 32> buffer;
  constexpr Real kExactWhole = 1e15;
  const bool whole = std::trunc(value) == value && std::abs(value) < kExactWhole;
  const auto end = whole ? std::to_chars(buffer.begin(), buffer.end(), static_cast<int64_t>(value))
                         : std::to_chars(buffer.begin(), buffer.end(), value);
  out.append(buffer.data(), end.ptr);
}
}  // namespace

void append_json_number(std::string& out, double value) { append_number(out, value); }
void append_json_number(std::string& out, float value) { append_number(out, value); }

}  // namespace palate
