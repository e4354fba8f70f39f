#include "recommend/filters.h"

#include "base/near_names.h"
#include "recommend/filter_expression.h"

namespace palate {

Status check_sizes(size_t n, std::span<const std::string> exclude,
                   std::span<const std::string> categories) {
  if (n < 1 || n > kItemsPerPageMax) {
    return fail(Code::kInvalidArgument, "n is {}; it must be 1 to {}", n, kItemsPerPageMax);
  }
  if (exclude.size() > kExcludedMax || categories.size() > kCategoriesMax) {
    return fail(Code::kInvalidArgument,
                "{} excluded items and {} categories; at most {} and {} are allowed",
                exclude.size(), categories.size(), kExcludedMax, kCategoriesMax);
  }
  return {};
}

void block_items(const Catalogue::View& view, std::span<const std::string> names,
                 ItemBitmap& blocked) {
  for (const std::string& name : names) {
    if (const auto item = view.find(name)) block(blocked, *item);
  }
}

void block_unavailable(const Catalogue::View& view, TimeUs now, ItemBitmap& blocked) {
  for (ItemIx item : view.unavailable(now)) block(blocked, item);
}

Status block_other_categories(const Catalogue::View& view, std::span<const std::string> names,
                              Workspace& work) {
  if (names.empty()) return {};
  work.allowed.assign(work.blocked.size(), 0);
  for (const std::string& name : names) {
    const ItemBitmap* items = view.category(name);
    if (items == nullptr) {
      const auto known = view.categories();
      return fail(Code::kInvalidArgument, "no item has the category '{}'{}", name,
                  did_you_mean(name, known));
    }
    const size_t words = std::min(items->size(), work.allowed.size());
    for (size_t i = 0; i < words; ++i) work.allowed[i] |= (*items)[i];
  }
  for (size_t i = 0; i < work.blocked.size(); ++i) work.blocked[i] |= ~work.allowed[i];
  return {};
}

Status block_filtered(const Catalogue::View& view, std::string_view filter, TimeUs now,
                      ItemBitmap& blocked) {
  if (filter.empty()) return {};
  const FilterExpression expression = TRY(FilterExpression::parse(filter));
  return expression.block_others(view, now, blocked);
}

}  // namespace palate
