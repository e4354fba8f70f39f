#include "recommend/filter_fields.h"

#include <array>
#include <vector>

namespace palate {
namespace {

constexpr uint32_t bit(FilterOp op) { return 1u << static_cast<int>(op); }
constexpr uint32_t kSame =
    bit(FilterOp::kEqual) | bit(FilterOp::kNotEqual) | bit(FilterOp::kIn) | bit(FilterOp::kNotIn);
constexpr uint32_t kOrder = bit(FilterOp::kLess) | bit(FilterOp::kLessEqual) |
                            bit(FilterOp::kGreater) | bit(FilterOp::kGreaterEqual);
constexpr uint32_t kExists = bit(FilterOp::kExists);

constexpr std::array kFields{
    FilterFieldInfo{"item", FilterField::kItem, FilterValues::kTexts, kSame},
    FilterFieldInfo{"category", FilterField::kCategory, FilterValues::kTexts, kSame | kExists},
    FilterFieldInfo{"tag", FilterField::kTag, FilterValues::kTexts, kSame | kExists},
    FilterFieldInfo{"language", FilterField::kLanguage, FilterValues::kTexts, kSame | kExists},
    FilterFieldInfo{"region", FilterField::kRegion, FilterValues::kTexts, kSame | kExists},
    FilterFieldInfo{"creator", FilterField::kCreator, FilterValues::kTexts, kSame | kExists},
    FilterFieldInfo{"released", FilterField::kReleased, FilterValues::kTimes, kOrder | kExists},
    FilterFieldInfo{"expires", FilterField::kExpires, FilterValues::kTimes, kOrder | kExists},
    FilterFieldInfo{"attributes", FilterField::kAttribute, FilterValues::kTextsOrNumbers,
                    kSame | kOrder | kExists},
};

// In the order of FilterOp.
constexpr std::array<std::string_view, 9> kOps{"=",  "!=", "<",      "<=",    ">",
                                               ">=", "in", "not in", "exists"};

}  // namespace

std::span<const FilterFieldInfo> filter_fields() { return kFields; }

std::string_view filter_op_name(FilterOp op) { return kOps[static_cast<size_t>(op)]; }

std::optional<FilterOp> filter_op(std::string_view sign) {
  for (size_t i = 0; i < kOps.size(); ++i) {
    if (kOps[i] == sign) return static_cast<FilterOp>(i);
  }
  return {};
}

std::string filter_op_names(uint32_t ops) {
  std::vector<std::string_view> names;
  for (size_t i = 0; i < kOps.size(); ++i) {
    if ((ops & (1u << i)) != 0) names.push_back(kOps[i]);
  }
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    text += i == 0 ? "" : i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  return text;
}

}  // namespace palate
