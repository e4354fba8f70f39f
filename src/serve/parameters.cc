#include "serve/parameters.h"

#include <charconv>

#include <simdjson.h>

namespace palate {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Result<std::string> percent_decode(std::string_view text, bool form) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && form) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return fail(Code::kInvalidArgument,
                    "A '%' in the address is not followed by two hexadecimal digits. Write a "
                    "percent sign as %25.");
      }
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (!simdjson::validate_utf8(out.data(), out.size())) {
    return fail(Code::kInvalidArgument, "The address is not UTF-8 once its escapes are decoded.");
  }
  return out;
}

Result<Parameters> Parameters::parse(std::string_view text) {
  Parameters query;
  while (!text.empty()) {
    const size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (pair.empty()) continue;
    if (query.pairs_.size() == kParametersMax) {
      return fail(Code::kInvalidArgument, "More than {} query parameters. Use POST.",
                  kParametersMax);
    }
    const size_t equals = pair.find('=');
    std::string name = TRY(percent_decode(pair.substr(0, equals), true));
    std::string value;
    if (equals != std::string_view::npos)
      value = TRY(percent_decode(pair.substr(equals + 1), true));
    query.pairs_.emplace_back(std::move(name), std::move(value));
  }
  return query;
}

Result<std::optional<std::string>> Parameters::one(std::string_view name) const {
  std::optional<std::string> found;
  for (const auto& [key, value] : pairs_) {
    if (key != name) continue;
    if (found) {
      return fail(Code::kInvalidArgument, "The query parameter '{}' comes twice; give it once.",
                  name);
    }
    found = value;
  }
  return found;
}

std::vector<std::string> Parameters::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : pairs_) {
    if (key == name) values.push_back(value);
  }
  return values;
}

Result<bool> Parameters::boolean(std::string_view name, bool otherwise) const {
  const auto text = TRY(one(name));
  if (!text) return otherwise;
  if (*text == "true") return true;
  if (*text == "false") return false;
  return fail(Code::kInvalidArgument, "The query parameter '{}' is true or false, not '{}'.", name,
              *text);
}

Result<int64_t> Parameters::whole(std::string_view name, const Bounds& bounds) const {
  const auto text = TRY(one(name));
  if (!text) return bounds.otherwise;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || value < bounds.min ||
      value > bounds.max) {
    return fail(Code::kInvalidArgument,
                "The query parameter '{}' is a whole number from {} to {}, not '{}'.", name,
                bounds.min, bounds.max, *text);
  }
  return value;
}

}  // namespace palate
