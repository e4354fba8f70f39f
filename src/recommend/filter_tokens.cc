#include "recommend/filter_tokens.h"

#include <charconv>
#include <cmath>

namespace palate {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Result<FilterToken> FilterTokens::next() {
  while (at_ < text_.size() && std::string_view(" \t\r\n").contains(text_[at_])) ++at_;
  if (at_ == text_.size()) return FilterToken{.at = at_};
  const size_t begin = at_;
  const char c = text_[at_];
  if (c == '"' || c == '\'') return quoted(c);
  if (is_digit(c) || (c == '-' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) {
    return number();
  }
  if (is_letter(c)) {
    while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
    return FilterToken{FilterToken::Kind::kName, std::string(text_.substr(begin, at_ - begin)), 0,
                       begin};
  }
  for (const std::string_view sign :
       {"!=", "<=", ">=", "=", "<", ">", "(", ")", "[", "]", ",", ".", "+", "-"}) {
    if (!text_.substr(at_).starts_with(sign)) continue;
    at_ += sign.size();
    return FilterToken{FilterToken::Kind::kSign, std::string(sign), 0, begin};
  }
  return fail(Code::kInvalidArgument, "filter, byte {}: nothing begins with '{}'", at_ + 1,
              c > ' ' && c < 127 ? std::string(1, c)
                                 : fmt::format("\\x{:02x}", static_cast<unsigned char>(c)));
}

Result<FilterToken> FilterTokens::quoted(char quote) {
  FilterToken token{FilterToken::Kind::kText, {}, 0, at_++};
  for (; at_ < text_.size(); ++at_) {
    if (text_[at_] == quote) {
      ++at_;
      return token;
    }
    // A backslash takes the next character as it is.
    if (text_[at_] == '\\' && ++at_ == text_.size()) break;
    token.text += text_[at_];
  }
  return fail(Code::kInvalidArgument, "filter, byte {}: the quotes that open here do not close",
              token.at + 1);
}

Result<FilterToken> FilterTokens::number() {
  FilterToken token{FilterToken::Kind::kNumber, {}, 0, at_};
  const char* const end = text_.data() + text_.size();
  const auto [after, error] = std::from_chars(text_.data() + at_, end, token.number);
  const bool ends = after == end || !(is_letter(*after) || is_digit(*after) || *after == '.');
  // Days and hours stand behind their number: 30d.
  const bool unit = after != end && is_letter(*after) &&
                    (after + 1 == end || !(is_letter(after[1]) || is_digit(after[1])));
  if (error != std::errc() || !std::isfinite(token.number) || !(ends || unit)) {
    return fail(Code::kInvalidArgument, "filter, byte {}: this is not a number", at_ + 1);
  }
  at_ = static_cast<size_t>(after - text_.data());
  return token;
}

}  // namespace palate
