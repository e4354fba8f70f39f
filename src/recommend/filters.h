// What may not be returned, as one bit an item. Shared by recommend() and similar().
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "features/catalogue.h"
#include "recommend/draft.h"

namespace palate {

inline void block(ItemBitmap& blocked, ItemIx item) {
  if (item.value / 64 < blocked.size()) blocked[item.value / 64] |= uint64_t{1} << item.value % 64;
}

// Of a request for `n` items. Errors: kInvalidArgument with what is allowed.
Status check_sizes(size_t n, std::span<const std::string> exclude,
                   std::span<const std::string> categories);
// Blocks what `names` says; unknown ids are ignored, since there is nothing to exclude.
void block_items(const Catalogue::View& view, std::span<const std::string> names,
                 ItemBitmap& blocked);
// Blocks what is hidden, not released yet, or expired.
void block_unavailable(const Catalogue::View& view, TimeUs now, ItemBitmap& blocked);
// Blocks what is in none of the categories; nothing when `names` is empty. Errors:
// kInvalidArgument for a category that no item has, with the nearest known names.
Status block_other_categories(const Catalogue::View& view, std::span<const std::string> names,
                              Workspace& work);
// Blocks what a filter expression does not want; nothing when it is empty. Errors: those of
// FilterExpression.
Status block_filtered(const Catalogue::View& view, std::string_view filter, TimeUs now,
                      ItemBitmap& blocked);

}  // namespace palate
