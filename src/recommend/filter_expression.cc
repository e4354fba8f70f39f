#include "recommend/filter_expression.h"

#include <algorithm>
#include <cmath>

#include <fmt/ranges.h>

#include "base/near_names.h"
#include "recommend/filter_fields.h"

namespace palate {
namespace {

template <class T>
bool compares(FilterOp op, const T& a, const T& b) {
  switch (op) {
    case FilterOp::kLess:
      return a < b;
    case FilterOp::kLessEqual:
      return a <= b;
    case FilterOp::kGreater:
      return a > b;
    case FilterOp::kGreaterEqual:
      return a >= b;
    default:
      return a == b;  // = and in, and their opposites, which are turned around as a whole
  }
}

bool is_opposite(FilterOp op) { return op == FilterOp::kNotEqual || op == FilterOp::kNotIn; }

// Where the expression holds, over one view.
class Evaluation {
 public:
  Evaluation(const Catalogue::View& view, TimeUs now) : view_(view), now_(now) {}

  Result<ItemBitmap> holds(const FilterNode& node) const {
    if (node.kind == FilterNode::Kind::kTest) return holds(node.test);
    ItemBitmap all = TRY(holds(node.parts.front()));
    for (size_t p = 1; p < node.parts.size(); ++p) {
      const ItemBitmap next = TRY(holds(node.parts[p]));
      const bool both = node.kind == FilterNode::Kind::kAnd;
      for (size_t i = 0; i < all.size(); ++i) all[i] = both ? all[i] & next[i] : all[i] | next[i];
    }
    if (node.kind == FilterNode::Kind::kNot) turn(all);
    return all;
  }

 private:
  static void turn(ItemBitmap& items) {
    for (uint64_t& word : items) word = ~word;
  }
  static void add(ItemIx item, ItemBitmap& items) {
    if (item.value / 64 < items.size()) items[item.value / 64] |= uint64_t{1} << item.value % 64;
  }

  Result<ItemBitmap> holds(const FilterTest& test) const {
    ItemBitmap items((view_.size() + 63) / 64);
    switch (test.field) {
      case FilterField::kItem:
        by_id(test, items);
        break;
      case FilterField::kCategory:
        by_category(test, items);
        break;
      case FilterField::kReleased:
      case FilterField::kExpires:
        by_date(test, items);
        break;
      case FilterField::kAttribute:
        TRY(by_attribute(test, items));
        break;
      default:
        by_column(test, items);
        break;
    }
    if (is_opposite(test.op)) turn(items);
    return items;
  }

  void by_id(const FilterTest& test, ItemBitmap& items) const {
    for (const FilterValue& value : test.values) {
      if (const auto item = view_.find(value.text)) add(*item, items);
    }
  }

  void by_category(const FilterTest& test, ItemBitmap& items) const {
    const auto take = [&](std::string_view name) {
      const ItemBitmap* of = view_.category(name);
      const size_t words = of == nullptr ? 0 : std::min(of->size(), items.size());
      for (size_t i = 0; i < words; ++i) items[i] |= (*of)[i];
    };
    if (test.op == FilterOp::kExists) {
      for (const std::string& name : view_.categories()) take(name);
    }
    for (const FilterValue& value : test.values) take(value.text);
  }

  void by_date(const FilterTest& test, ItemBitmap& items) const {
    view_.each_date([&](const ItemDates& dates) {
      const TimeUs said = test.field == FilterField::kReleased ? dates.released : dates.expires;
      if (said.us == 0) return;
      if (test.op != FilterOp::kExists) {
        const FilterValue& value = test.values.front();
        const int64_t from = value.kind == FilterValue::Kind::kFromNow ? now_.us : 0;
        if (!compares(test.op, said.us, from + value.us)) return;
      }
      add(dates.item, items);
    });
  }

  void by_column(const FilterTest& test, ItemBitmap& items) const {
    const ItemColumn* column = view_.column(filter_fields()[static_cast<size_t>(test.field)].name);
    if (column == nullptr) return;
    if (test.op == FilterOp::kExists) return column->where_any(items);
    std::vector<std::string> texts;
    for (const FilterValue& value : test.values) texts.push_back(value.text);
    column->where_any_of(texts, items);
  }

  Status by_attribute(const FilterTest& test, ItemBitmap& items) const {
    const ItemColumn* column = view_.attribute(test.attribute);
    if (column == nullptr) {
      const auto known = view_.attributes();
      if (known.size() == kAttributeColumnsMax) {
        return fail(Code::kInvalidArgument,
                    "filter: '{}' is none of the first {} attributes of items; only those can be "
                    "looked for",
                    test.attribute.substr(0, 64), kAttributeColumnsMax);
      }
      return fail(Code::kInvalidArgument, "filter: no item has the attribute '{}'{}",
                  test.attribute.substr(0, 64), did_you_mean(test.attribute.substr(0, 64), known));
    }
    if (test.op == FilterOp::kExists) {
      column->where_any(items);
      return {};
    }
    std::vector<std::string> texts;
    std::vector<double> numbers;
    for (const FilterValue& value : test.values) {
      if (value.kind == FilterValue::Kind::kNumber) {
        numbers.push_back(value.number);
      } else {
        texts.push_back(value.text);
      }
    }
    if (!texts.empty()) column->where_any_of(texts, items);
    if (numbers.empty()) return {};
    std::ranges::sort(numbers);
    const bool one_of = test.op == FilterOp::kIn || test.op == FilterOp::kNotIn;
    column->where(
        [&](const ItemColumn::Value& value) {
          if (std::isnan(value.number)) return false;
          return one_of ? std::ranges::binary_search(numbers, value.number)
                        : compares(test.op, value.number, numbers.front());
        },
        items);
    return {};
  }

  const Catalogue::View& view_;
  const TimeUs now_;
};

std::string written(const FilterValue& value) {
  switch (value.kind) {
    case FilterValue::Kind::kNumber:
      return fmt::format("{}", value.number);
    case FilterValue::Kind::kTime:
      return fmt::format("\"{}\"", format_rfc3339({value.us}));
    case FilterValue::Kind::kFromNow:
      return fmt::format("now {} {:.17g}h", value.us < 0 ? '-' : '+',
                         std::abs(static_cast<double>(value.us)) / (3600.0 * kSecondUs));
    default:
      break;
  }
  std::string text = "\"";
  for (const char c : value.text) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + "\"";
}

std::string written(const FilterTest& test) {
  std::string text(filter_fields()[static_cast<size_t>(test.field)].name);
  if (test.field == FilterField::kAttribute) {
    text += fmt::format("[{}]", written(FilterValue{.text = test.attribute}));
  }
  text += fmt::format(" {}", filter_op_name(test.op));
  if (test.op == FilterOp::kExists) return text;
  std::vector<std::string> values;
  for (const FilterValue& value : test.values) values.push_back(written(value));
  const bool list = test.op == FilterOp::kIn || test.op == FilterOp::kNotIn;
  return text + (list ? fmt::format(" [{}]", fmt::join(values, ", ")) : " " + values.front());
}

std::string written(const FilterNode& node) {
  if (node.kind == FilterNode::Kind::kTest) return written(node.test);
  std::vector<std::string> parts;
  for (const FilterNode& part : node.parts) {
    // Whatever binds tighter needs no parentheses.
    const bool open = part.kind >= FilterNode::Kind::kAnd && part.kind >= node.kind;
    const bool not_of = part.kind >= FilterNode::Kind::kAnd && node.kind == FilterNode::Kind::kNot;
    parts.push_back(open || not_of ? fmt::format("({})", written(part)) : written(part));
  }
  if (node.kind == FilterNode::Kind::kNot) return "not " + parts.front();
  return fmt::format("{}",
                     fmt::join(parts, node.kind == FilterNode::Kind::kAnd ? " and " : " or "));
}

bool names_now(const FilterNode& node) {
  const auto from_now = [](const FilterValue& value) {
    return value.kind == FilterValue::Kind::kFromNow;
  };
  return std::ranges::any_of(node.test.values, from_now) ||
         std::ranges::any_of(node.parts, names_now);
}

}  // namespace

bool FilterExpression::depends_on_now() const { return names_now(root_); }

Status FilterExpression::block_others(const Catalogue::View& view, TimeUs now,
                                      ItemBitmap& blocked) const {
  const ItemBitmap allowed = TRY(Evaluation(view, now).holds(root_));
  for (size_t i = 0; i < std::min(blocked.size(), allowed.size()); ++i) blocked[i] |= ~allowed[i];
  return {};
}

Result<std::vector<std::string>> FilterExpression::failing(const Catalogue::View& view, TimeUs now,
                                                           ItemIx item) const {
  const bool several = root_.kind == FilterNode::Kind::kAnd;
  std::vector<std::string> parts;
  for (const FilterNode& part : several ? std::span(root_.parts) : std::span(&root_, 1)) {
    const ItemBitmap holds = TRY(Evaluation(view, now).holds(part));
    if ((holds[item.value / 64] >> item.value % 64 & 1) == 0) parts.push_back(written(part));
  }
  return parts;
}

std::string FilterExpression::to_string() const { return written(root_); }

}  // namespace palate
