#include "events/json_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <simdjson.h>

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

namespace {

// The bytes of the UTF-8 sequence that `text` begins with; 0 when it begins with none.
size_t sequence_bytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const size_t bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (bytes > text.size() || !simdjson::validate_utf8(text.data(), bytes)) return 0;
  return bytes;
}

std::string made_valid(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const size_t bytes = sequence_bytes(text);
    if (bytes == 0) {
      valid += "\xef\xbf\xbd";
    } else {
      valid += text.substr(0, bytes);
    }
    text.remove_prefix(std::max<size_t>(bytes, 1));
  }
  return valid;
}

// Bits are kept: also those of -0.
template <class Real>
void append_real(std::string& out, Real value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  std::array<char, 40> buffer;
  const auto end = std::to_chars(buffer.begin(), buffer.end(), value);
  out.append(buffer.data(), end.ptr);
}

}  // namespace

JsonText& JsonText::key(std::string_view name) {
  comma();
  text_ += '"';
  text_ += name;
  text_ += "\":";
  return *this;
}

JsonText& JsonText::string(std::string_view value) {
  comma();
  if (simdjson::validate_utf8(value.data(), value.size())) {
    append_json_string(text_, value);
  } else {
    append_json_string(text_, made_valid(value));
  }
  return *this;
}

JsonText& JsonText::number(double value) {
  comma();
  append_real(text_, value);
  return *this;
}

JsonText& JsonText::number(float value) {
  comma();
  append_real(text_, value);
  return *this;
}

}  // namespace palate
