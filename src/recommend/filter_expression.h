// What a request wants of items, as an expression over their fields:
//
//   category = "fantasy" and attributes.year >= 2010 and not (tag in ["gore", "horror"])
//
// docs/reference/filter.md has the grammar. Parsed without a catalogue; applied to a view of one it
// gives a bitmap, which models take into their scan.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "features/catalogue.h"

namespace palate {

// Limits of an expression; more is kInvalidArgument.
inline constexpr size_t kFilterBytesMax = 16'384;
inline constexpr size_t kFilterDepthMax = 32;
inline constexpr size_t kFilterTestsMax = 64;
inline constexpr size_t kFilterValuesMax = 1'000;

enum class FilterField {
  kItem,
  kCategory,
  kTag,
  kLanguage,
  kRegion,
  kCreator,
  kReleased,
  kExpires,
  kAttribute
};
enum class FilterOp {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
  kExists
};

// A text, a number, a time, or a time from now on.
struct FilterValue {
  enum class Kind { kText, kNumber, kTime, kFromNow };
  Kind kind = Kind::kText;
  std::string text = {};
  double number = 0;
  int64_t us = 0;
  bool operator==(const FilterValue&) const = default;
};

struct FilterTest {
  FilterField field = FilterField::kItem;
  std::string attribute = {};  // the name, of kAttribute
  FilterOp op = FilterOp::kExists;
  std::vector<FilterValue> values = {};  // one, several of kIn and kNotIn, none of kExists
};

// A tree whose leaves are tests.
struct FilterNode {
  enum class Kind { kTest, kNot, kAnd, kOr };
  Kind kind = Kind::kTest;
  FilterTest test = {};
  std::vector<FilterNode> parts = {};  // one of kNot, two or more of kAnd and kOr
};

class FilterExpression {
 public:
  // Errors: kInvalidArgument with the byte at which it goes wrong, what was expected there, and
  // near names for an unknown field.
  static Result<FilterExpression> parse(std::string_view text);

  // Blocks all items for which the expression does not hold. A comparison does not hold for an item
  // that does not say the field; != and `not in` are the opposite of = and `in`. Errors:
  // kInvalidArgument for an attribute that no item has, with near names.
  [[nodiscard]] Status block_others(const Catalogue::View& view, TimeUs now,
                                    ItemBitmap& blocked) const;
  // Whether the same items may be allowed at one time and not at another.
  [[nodiscard]] bool depends_on_now() const;
  // The parts that must all hold (of `a and b`: a, b) and do not for `item`, as to_string() writes
  // them. Errors: as block_others().
  [[nodiscard]] Result<std::vector<std::string>> failing(const Catalogue::View& view, TimeUs now,
                                                         ItemIx item) const;
  // One way of writing it for all that mean the same tree; parses to itself.
  [[nodiscard]] std::string to_string() const;

 private:
  FilterNode root_;
};

}  // namespace palate
