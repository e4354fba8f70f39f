#include "recommend/filters.h"

#include "base/near_names.h"

namespace palate {

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

}  // namespace palate
