// The words of a filter expression (filter_expression.h), one after another.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace palate {

struct FilterToken {
  enum class Kind { kEnd, kName, kText, kNumber, kSign };
  Kind kind = Kind::kEnd;
  std::string text = {};  // a name, a sign, or what stands between quotes, unescaped
  double number = 0;
  size_t at = 0;  // its first byte in the expression
};

class FilterTokens {
 public:
  // `text` must outlive it.
  explicit FilterTokens(std::string_view text) : text_(text) {}
  // The next token. Errors: kInvalidArgument with the place, for a character that begins nothing,
  // quotes that do not close, and numbers that are none.
  Result<FilterToken> next();

 private:
  Result<FilterToken> quoted(char quote);
  Result<FilterToken> number();

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace palate
