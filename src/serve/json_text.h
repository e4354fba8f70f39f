// Writes JSON into a string: commas are its own, nesting is the caller's. Strings that are not
// UTF-8 (echoed input) get U+FFFD in place of each bad byte; NaN and infinities become null.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace palate {

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
