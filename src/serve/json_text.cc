#include "serve/json_text.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <simdjson.h>

namespace palate {
namespace {

bool plain(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x80 || c == '"' || c == '\\') return false;
  }
  return true;
}

void escape(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      if (static_cast<unsigned char>(c) < 0x20) {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
      } else {
        out += c;
      }
  }
}

// The bytes of the UTF-8 sequence that `text` begins with; 0 when it begins with none.
size_t sequence_bytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const size_t bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (bytes > text.size() || !simdjson::validate_utf8(text.data(), bytes)) return 0;
  return bytes;
}

void escape_checked(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const size_t bytes = sequence_bytes(text);
    if (bytes == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
      continue;
    }
    if (bytes == 1) {
      escape(out, text.front());
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
}

template <class Number>
void append_number(std::string& out, Number value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out.append(buffer, end);
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
  text_ += '"';
  if (plain(value)) {
    text_ += value;
  } else if (simdjson::validate_utf8(value.data(), value.size())) {
    for (const char c : value) escape(text_, c);
  } else {
    escape_checked(text_, value);
  }
  text_ += '"';
  return *this;
}

JsonText& JsonText::number(double value) {
  comma();
  append_number(text_, value);
  return *this;
}

JsonText& JsonText::number(float value) {
  comma();
  append_number(text_, value);
  return *this;
}

}  // namespace palate
