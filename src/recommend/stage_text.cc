#include "recommend/stage_text.h"

#include <algorithm>

namespace palate {
namespace {

using Parameter = std::pair<std::string, std::string>;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<StageText> whole() {
    StageText stage{word(" \t\n="), {}};
    if (stage.kind.empty()) return fail(Code::kInvalidArgument, "a stage begins with its kind");
    for (Parameter next; TRY(parameter(next));) {
      if (std::ranges::count(stage.parameters, next.first, &Parameter::first) > 0) {
        return fail(Code::kInvalidArgument, "'{}' is given twice", next.first);
      }
      stage.parameters.push_back(next);
    }
    return stage;
  }

 private:
  // False at the end.
  Result<bool> parameter(Parameter& out) {
    skip_space();
    if (at_ == text_.size()) return false;
    out.first = word(" \t\n=");
    if (out.first.empty() || at_ == text_.size() || text_[at_] != '=') {
      return fail(Code::kInvalidArgument, "'{}' stands where key=value is expected", out.first);
    }
    ++at_;
    out.second = TRY(value());
    return true;
  }
  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\n").contains(text_[at_])) ++at_;
  }
  std::string word(std::string_view ends) {
    skip_space();
    const size_t begin = at_;
    while (at_ < text_.size() && !ends.contains(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  Result<std::string> value() {
    const char quote = at_ < text_.size() ? text_[at_] : ' ';
    if (quote != '\'' && quote != '"') return word(" \t\n");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) {
      return fail(Code::kInvalidArgument, "a value begins with {} and does not end with it", quote);
    }
    std::string text(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return text;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<StageText> parse_stage(std::string_view text) {
  if (text.size() > kStageBytesMax) {
    return fail(Code::kInvalidArgument, "{} bytes; at most {} are read", text.size(),
                kStageBytesMax);
  }
  return Reader(text).whole();
}

}  // namespace palate
