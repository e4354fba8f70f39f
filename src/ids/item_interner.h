// The live interner of items: external id to ItemIx and back. ItemIx is given in the order of
// add(), which follows the item log, so it is the same on every replica. Bounded by `items_max`.
// Not thread-safe; features/catalogue.h guards it.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace palate {

class ItemInterner {
 public:
  explicit ItemInterner(size_t items_max = 100'000'000);
  ~ItemInterner();
  ItemInterner(ItemInterner&&) noexcept;
  ItemInterner& operator=(ItemInterner&&) noexcept;

  [[nodiscard]] std::optional<ItemIx> find(std::string_view external_id) const;
  // The item's index, new or old. Errors: kOverloaded when full, kInvalidArgument above 65,535
  // bytes.
  Result<ItemIx> add(std::string_view external_id);
  [[nodiscard]] std::string_view name(ItemIx ix) const;  // valid while the interner lives
  [[nodiscard]] size_t size() const;
  [[nodiscard]] size_t bytes() const;  // of memory held

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace palate
