#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "base/near_names.h"
#include "recommend/filter_expression.h"
#include "recommend/filter_fields.h"
#include "recommend/filter_tokens.h"

namespace palate {
namespace {

using Kind = FilterToken::Kind;

// Recursive descent, one token ahead; as deep as kFilterDepthMax allows.
class Parser {
 public:
  explicit Parser(std::string_view text) : tokens_(text) {}

  Result<FilterNode> whole() {
    TRY(step());
    FilterNode root = TRY(either(0));
    if (token_.kind != Kind::kEnd) return expected("'and', 'or' or the end");
    return root;
  }

 private:
  using Rule = Result<FilterNode> (Parser::*)(size_t depth);

  Status step() {
    token_ = TRY(tokens_.next());
    return {};
  }
  [[nodiscard]] bool word(std::string_view wanted) const {
    return token_.kind == Kind::kName && std::ranges::equal(token_.text, wanted, {}, [](char c) {
             return c >= 'A' && c <= 'Z' ? char(c + 32) : c;
           });
  }
  [[nodiscard]] bool sign(std::string_view wanted) const {
    return token_.kind == Kind::kSign && token_.text == wanted;
  }
  [[nodiscard]] std::unexpected<Error> expected(std::string_view what) const {
    const std::string found = token_.kind == Kind::kEnd ? "it ends"
                              : token_.kind == Kind::kNumber
                                  ? "a number stands there"
                                  : fmt::format("'{}' stands there", token_.text.substr(0, 64));
    return fail(Code::kInvalidArgument, "filter, byte {}: {} is expected, and {}", token_.at + 1,
                what, found);
  }

  // part { word part }
  Result<FilterNode> row(std::string_view between, FilterNode::Kind kind, Rule part, size_t depth) {
    FilterNode first = TRY((this->*part)(depth));
    if (!word(between)) return first;
    FilterNode all{.kind = kind};
    all.parts.push_back(std::move(first));
    while (word(between)) {
      TRY(step());
      all.parts.push_back(TRY((this->*part)(depth)));
    }
    return all;
  }
  Result<FilterNode> either(size_t depth) {
    return row("or", FilterNode::Kind::kOr, &Parser::both, depth);
  }
  Result<FilterNode> both(size_t depth) {
    return row("and", FilterNode::Kind::kAnd, &Parser::one, depth);
  }
  Result<FilterNode> one(size_t depth) {
    if (depth == kFilterDepthMax) {
      return fail(Code::kInvalidArgument,
                  "filter, byte {}: more than {} parentheses and 'not' lie in each other",
                  token_.at + 1, kFilterDepthMax);
    }
    if (word("not")) {
      TRY(step());
      FilterNode node{.kind = FilterNode::Kind::kNot};
      node.parts.push_back(TRY(one(depth + 1)));
      return node;
    }
    if (!sign("(")) return FilterNode{.test = TRY(test())};
    TRY(step());
    FilterNode inner = TRY(either(depth + 1));
    if (!sign(")")) return expected("'and', 'or' or ')'");
    TRY(step());
    return inner;
  }

  Result<FilterTest> test() {
    if (++tests_ > kFilterTestsMax) {
      return fail(Code::kInvalidArgument, "filter: more than {} comparisons", kFilterTestsMax);
    }
    FilterTest test;
    const size_t at = token_.at;
    const FilterFieldInfo& info = *TRY(field(test));
    test.op = TRY(op());
    if ((info.ops & (1u << static_cast<int>(test.op))) == 0) {
      return fail(Code::kInvalidArgument, "filter, byte {}: '{}' has no '{}'; it has {}", at + 1,
                  info.name, filter_op_name(test.op), filter_op_names(info.ops));
    }
    if (test.op == FilterOp::kIn || test.op == FilterOp::kNotIn) {
      TRY(list(info, test));
    } else if (test.op != FilterOp::kExists) {
      test.values.push_back(TRY(value(info, test.op)));
    }
    return test;
  }

  Result<const FilterFieldInfo*> field(FilterTest& test) {
    if (token_.kind != Kind::kName) return expected("a field, 'not' or '('");
    const auto fields = filter_fields();
    const auto found = std::ranges::find(fields, token_.text, &FilterFieldInfo::name);
    if (found == fields.end()) {
      std::vector<std::string> known;
      for (const auto& info : fields) known.emplace_back(info.name);
      return fail(Code::kInvalidArgument,
                  "filter, byte {}: there is no field '{}'{}; fields are {}", token_.at + 1,
                  token_.text.substr(0, 64), did_you_mean(token_.text.substr(0, 64), known),
                  fmt::join(known, ", "));
    }
    test.field = found->field;
    TRY(step());
    if (test.field == FilterField::kAttribute) TRY(attribute_name(test));
    return &*found;
  }
  // attributes.year or attributes["year of birth"]
  Status attribute_name(FilterTest& test) {
    const bool dot = sign(".");
    if (!dot && !sign("[")) return expected("'.' and the attribute's name");
    TRY(step());
    if (token_.kind != (dot ? Kind::kName : Kind::kText)) {
      return expected(dot ? "the attribute's name" : "the attribute's name in quotes");
    }
    test.attribute = token_.text;
    TRY(step());
    if (dot) return {};
    if (!sign("]")) return expected("']'");
    return step();
  }

  Result<FilterOp> op() {
    const bool negated = word("not");
    if (negated) TRY(step());
    if (word("in")) {
      TRY(step());
      return negated ? FilterOp::kNotIn : FilterOp::kIn;
    }
    if (negated) return expected("'in'");
    if (word("exists")) {
      TRY(step());
      return FilterOp::kExists;
    }
    const auto found = token_.kind == Kind::kSign ? filter_op(token_.text) : std::nullopt;
    if (!found) return expected("a comparison (=, !=, <, <=, >, >=, in, not in, exists)");
    TRY(step());
    return *found;
  }

  Status list(const FilterFieldInfo& info, FilterTest& test) {
    if (!sign("[")) return expected("'['");
    do {
      TRY(step());
      if (++values_ > kFilterValuesMax) {
        return fail(Code::kInvalidArgument, "filter: more than {} values in lists",
                    kFilterValuesMax);
      }
      test.values.push_back(TRY(value(info, test.op)));
    } while (sign(","));
    if (!sign("]")) return expected("',' or ']'");
    return step();
  }

  Result<FilterValue> value(const FilterFieldInfo& info, FilterOp op) {
    if (info.values == FilterValues::kTimes) return time();
    const bool ordered = op != FilterOp::kEqual && op != FilterOp::kNotEqual &&
                         op != FilterOp::kIn && op != FilterOp::kNotIn;
    const bool texts = !ordered;
    const bool numbers = info.values == FilterValues::kTextsOrNumbers;
    FilterValue value{.text = token_.text, .number = token_.number};
    const bool flag = word("true") || word("false");
    if (numbers && token_.kind == Kind::kNumber) {
      value.kind = FilterValue::Kind::kNumber;
      value.text.clear();
      if (value.number == 0) value.number = 0;  // no −0
    } else if (!texts || !(token_.kind == Kind::kText || (numbers && flag))) {
      return expected(!texts    ? "a number"
                      : numbers ? "a number, true, false or a text in quotes"
                                : "a text in quotes");
    }
    TRY(step());
    return value;
  }

  Result<FilterValue> time() {
    if (token_.kind == Kind::kText) {
      const bool day = token_.text.size() == 10;
      const auto parsed = parse_rfc3339(day ? token_.text + "T00:00:00Z" : token_.text);
      if (!parsed)
        return expected("a time (\"2026-01-31\", \"2026-01-31T12:00:00Z\", now, now - 30d)");
      TRY(step());
      return FilterValue{.kind = FilterValue::Kind::kTime, .us = parsed->us};
    }
    if (!word("now"))
      return expected("a time (\"2026-01-31\", \"2026-01-31T12:00:00Z\", now, now - 30d)");
    TRY(step());
    FilterValue value{.kind = FilterValue::Kind::kFromNow};
    const double direction = sign("-") ? -1 : 1;
    const bool glued = token_.kind == Kind::kNumber;  // now -30d
    if (!glued && !sign("+") && !sign("-")) return value;
    if (!glued) TRY(step());
    if (token_.kind != Kind::kNumber) return expected("a number of days or hours, like 30d or 12h");
    const double number = direction * token_.number;
    TRY(step());
    const double unit_s = word("d") ? 86'400 : word("h") ? 3'600 : 0;
    if (unit_s == 0) return expected("'d' (days) or 'h' (hours)");
    constexpr double kFarthest_s = 36'525.0 * 86'400;  // a hundred years
    if (!(std::abs(number * unit_s) <= kFarthest_s)) return expected("at most a hundred years");
    value.us = std::llround(number * unit_s) * kSecondUs;
    TRY(step());
    return value;
  }

  FilterTokens tokens_;
  FilterToken token_;
  size_t tests_ = 0, values_ = 0;
};

}  // namespace

Result<FilterExpression> FilterExpression::parse(std::string_view text) {
  if (text.size() > kFilterBytesMax) {
    return fail(Code::kInvalidArgument, "filter: {} bytes; at most {} are taken", text.size(),
                kFilterBytesMax);
  }
  FilterExpression expression;
  expression.root_ = TRY(Parser(text).whole());
  return expression;
}

}  // namespace palate
