#include "recommend/formula.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>

#include "base/near_names.h"

namespace palate {
namespace {

using Values = std::span<float>;
using Other = std::span<const float>;

template <float (*kOf)(float)>
void each(Values values, Other) {
  for (float& value : values) value = kOf(value);
}
template <float (*kOf)(float, float)>
void each_pair(Values values, Other other) {
  for (size_t i = 0; i < values.size(); ++i) values[i] = kOf(values[i], other[i]);
}

float log1p_of(float x) { return std::log1p(std::max(x, 0.0f)); }
float sqrt_of(float x) { return std::sqrt(std::max(x, 0.0f)); }
float abs_of(float x) { return std::abs(x); }
float exp_of(float x) { return std::exp(std::min(x, 80.0f)); }
float sigmoid_of(float x) { return 1 / (1 + std::exp(-x)); }
float min_of(float a, float b) { return std::min(a, b); }
float max_of(float a, float b) { return std::max(a, b); }

void unit(Values values, Other) {
  if (values.empty()) return;
  const auto [least, greatest] = std::ranges::minmax(values);
  const float low = least, range = greatest - least;
  for (float& value : values) value = range > 0 ? (value - low) / range : 0.5f;
}

void standardize(Values values, Other) {
  if (values.empty()) return;
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const float value : values) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / n);
  for (float& value : values) {
    value = deviation > 0 ? static_cast<float>((value - mean) / deviation) : 0;
  }
}

// The share of candidates that are below, halves for those that are equal.
void rank(Values values, Other) {
  std::vector<float> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const auto n = static_cast<float>(sorted.size());
  for (float& value : values) {
    const auto [first, last] = std::ranges::equal_range(sorted, value);
    const auto below = static_cast<float>(first - sorted.begin());
    value = (below + static_cast<float>(last - first) / 2) / n;
  }
}

constexpr std::array kFunctions{
    Formula::Function{"abs", 1, each<abs_of>, "|x|"},
    Formula::Function{"exp", 1, each<exp_of>, "e to the x; x is cut at 80"},
    Formula::Function{"log1p", 1, each<log1p_of>, "ln(1 + x); 0 below 0"},
    Formula::Function{"max", 2, each_pair<max_of>, "the greater"},
    Formula::Function{"min", 2, each_pair<min_of>, "the lesser"},
    Formula::Function{"rank", 1, rank, "the share of the candidates that lie below"},
    Formula::Function{"sigmoid", 1, each<sigmoid_of>, "1 / (1 + e to the -x)"},
    Formula::Function{"sqrt", 1, each<sqrt_of>, "the square root; 0 below 0"},
    Formula::Function{"unit", 1, unit,
                      "spread over 0 to 1, the least and the greatest of the candidates"},
    Formula::Function{"z", 1, standardize,
                      "less the candidates' mean, over their standard deviation"},
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
// feature.item_count:click:1d
bool is_of_name(char c) { return is_letter(c) || is_digit(c) || c == '.' || c == ':'; }

}  // namespace

// sum = product { (+|-) product }; product = factor { (*|/) factor };
// factor = number | name | function '(' sum { ',' sum } ')' | '(' sum ')' | '-' factor
class FormulaParser {
 public:
  explicit FormulaParser(std::string_view text) : text_(text) {}

  Result<Formula> whole() {
    if (text_.size() > kFormulaBytesMax) {
      return fail(Code::kInvalidArgument, "formula: {} bytes; at most {} are taken", text_.size(),
                  kFormulaBytesMax);
    }
    TRY(sum(0));
    if (peek() != '\0') return expected("an operator or the end");
    if (formula_.steps_.size() > kFormulaStepsMax) {
      return fail(Code::kInvalidArgument, "formula: more than {} numbers, names and operators",
                  kFormulaStepsMax);
    }
    return std::move(formula_);
  }

 private:
  using Step = Formula::Step;

  char peek() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").contains(text_[at_])) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  std::unexpected<Error> expected(std::string_view what) {
    const char found = peek();
    return fail(Code::kInvalidArgument, "formula, byte {}: {} is expected, and {}", at_ + 1, what,
                found == '\0' ? "it ends" : fmt::format("'{}' stands there", found));
  }
  Status operation(std::string_view signs, Status (FormulaParser::*part)(size_t), size_t depth) {
    TRY((this->*part)(depth));
    for (char sign = peek(); sign != '\0' && signs.contains(sign); sign = peek()) {
      ++at_;
      TRY((this->*part)(depth));
      formula_.steps_.push_back({.kind = Step::Kind::kOperator, .sign = sign});
    }
    return {};
  }
  Status sum(size_t depth) { return operation("+-", &FormulaParser::product, depth); }
  Status product(size_t depth) { return operation("*/", &FormulaParser::factor, depth); }

  Status factor(size_t depth) {
    if (depth == kFormulaDepthMax) {
      return fail(Code::kInvalidArgument, "formula, byte {}: more than {} parentheses deep",
                  at_ + 1, kFormulaDepthMax);
    }
    const char c = peek();
    if (c == '-') {
      ++at_;
      TRY(factor(depth + 1));
      formula_.steps_.push_back({.kind = Step::Kind::kNegate});
      return {};
    }
    if (c == '(') {
      ++at_;
      TRY(sum(depth + 1));
      return close();
    }
    if (is_digit(c) || c == '.') return number();
    if (is_letter(c)) return name(depth);
    return expected("a number, a name or '('");
  }
  Status close() {
    if (peek() != ')') return expected("')'");
    ++at_;
    return {};
  }
  Status number() {
    float value = 0;
    const char* const end = text_.data() + text_.size();
    const auto [after, error] = std::from_chars(text_.data() + at_, end, value);
    if (error != std::errc() || !std::isfinite(value)) return expected("a number");
    at_ = static_cast<size_t>(after - text_.data());
    formula_.steps_.push_back({.kind = Step::Kind::kNumber, .number = value});
    return {};
  }
  Status name(size_t depth) {
    const size_t begin = at_;
    while (at_ < text_.size() && is_of_name(text_[at_])) ++at_;
    const std::string name(text_.substr(begin, at_ - begin));
    if (peek() == '(') return function(name, begin, depth);
    auto& names = formula_.names_;
    const auto known = std::ranges::find(names, name);
    const auto index = static_cast<size_t>(known - names.begin());
    if (known == names.end()) names.push_back(name);
    formula_.steps_.push_back({.kind = Step::Kind::kName, .index = index});
    return {};
  }
  Status function(const std::string& name, size_t begin, size_t depth) {
    const auto found = std::ranges::find(kFunctions, name, &Formula::Function::name);
    if (found == kFunctions.end()) {
      std::vector<std::string> known;
      for (const auto& one : kFunctions) known.emplace_back(one.name);
      return fail(Code::kInvalidArgument,
                  "formula, byte {}: there is no function '{}'{}; functions are {}", begin + 1,
                  name, did_you_mean(name, known), fmt::join(known, ", "));
    }
    ++at_;
    for (size_t i = 0; i < found->arguments; ++i) {
      if (i > 0 && peek() != ',') return expected("','");
      if (i > 0) ++at_;
      TRY(sum(depth + 1));
    }
    TRY(close());
    formula_.steps_.push_back(
        {.kind = Step::Kind::kFunction, .index = static_cast<size_t>(found - kFunctions.begin())});
    return {};
  }

  std::string_view text_;
  size_t at_ = 0;
  Formula formula_;
};

Result<Formula> Formula::parse(std::string_view text) { return FormulaParser(text).whole(); }

std::span<const Formula::Function> Formula::functions() { return kFunctions; }

void Formula::evaluate(std::span<const std::vector<float>> columns, std::span<float> out) const {
  const size_t n = out.size();
  std::vector<std::vector<float>> stack;
  for (const Step& step : steps_) {
    switch (step.kind) {
      case Step::Kind::kNumber:
        stack.emplace_back(n, step.number);
        break;
      case Step::Kind::kName:
        stack.push_back(columns[step.index]);
        break;
      case Step::Kind::kNegate:
        for (float& value : stack.back()) value = -value;
        break;
      case Step::Kind::kOperator:
      case Step::Kind::kFunction: {
        const bool sign = step.kind == Step::Kind::kOperator;
        std::vector<float> other;
        if (sign || kFunctions[step.index].arguments == 2) {
          other = std::move(stack.back());
          stack.pop_back();
        }
        Values values = stack.back();
        if (!sign) {
          kFunctions[step.index].apply(values, other);
          break;
        }
        for (size_t i = 0; i < n; ++i) {
          const float a = values[i], b = other[i];
          values[i] = step.sign == '+'   ? a + b
                      : step.sign == '-' ? a - b
                      : step.sign == '*' ? a * b
                                         : (b == 0 ? 0 : a / b);
        }
        break;
      }
    }
  }
  std::ranges::copy(stack.back(), out.begin());
}

}  // namespace palate
