// Writing JSON without spaces, keys in the order given, only what must be escaped escaped.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace palate {

// The canonical form of values, byte for byte the same everywhere. `text` must be valid UTF-8.
void append_json_string(std::string& out, std::string_view text);
// Whole numbers without a fraction, others in the shortest form that reads back to the same bits.
void append_json_number(std::string& out, double value);
void append_json_number(std::string& out, float value);

// A document piece by piece: commas are its own, nesting is the caller's. Strings that are not
// UTF-8 (echoed input) get U+FFFD in place of each bad byte; NaN and infinities become null.
class JsonText {
 public:
  explicit JsonText(size_t reserve_bytes = 256) { text_.reserve(reserve_bytes); }

  JsonText& open(char bracket) {
    comma();
    text_ += bracket;
    return *this;
  }
  JsonText& close(char bracket) {
    text_ += bracket;
    return *this;
  }
  JsonText& key(std::string_view name);  // `name` needs no escapes
  JsonText& string(std::string_view value);
  JsonText& number(double value);
  JsonText& number(float value);  // the shortest text that reads back the same float
  JsonText& number(std::integral auto value) {
    comma();
    text_ += std::to_string(value);
    return *this;
  }
  JsonText& boolean(bool value) { return raw(value ? "true" : "false"); }
  // A JSON value that is text already.
  JsonText& raw(std::string_view json) {
    comma();
    text_ += json;
    return *this;
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void comma() {
    if (text_.empty()) return;
    const char last = text_.back();
    if (last != '{' && last != '[' && last != ':') text_ += ',';
  }
  std::string text_;
};

}  // namespace palate
