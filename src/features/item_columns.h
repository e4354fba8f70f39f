// What items say of themselves, by field, in columns: the values that occur, and for each item the
// number of its set of values. A test of a field looks at every value that occurs once, then at
// four bytes an item. One writer, many readers, behind the catalogue's lock.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"

namespace palate {

// One bit an item; bit i of word i / 64. Shorter than the catalogue means zeros.
using ItemBitmap = std::vector<uint64_t>;

class ItemColumn {
 public:
  struct Value {
    std::string text;
    double number;  // what the whole text says, or NaN
  };

  // The item's values from now on; none takes the item out. O(values · log(sets)).
  void set(ItemIx item, std::span<const std::string> values);
  // Adds the items of which a value holds. `test` is called once for every value that occurs or
  // has occurred. Bits beyond the end of `items` are left out.
  void where(const std::function<bool(const Value&)>& test, ItemBitmap& items) const;
  // As where() with "is one of texts", without a look at the other values.
  void where_any_of(std::span<const std::string> texts, ItemBitmap& items) const;
  // What the item's first value says that is a number; NaN for an item without one.
  [[nodiscard]] double number(ItemIx item) const;
  // Adds the items that have a value.
  void where_any(ItemBitmap& items) const;

 private:
  [[nodiscard]] std::vector<uint32_t> numbers_of(std::span<const std::string> values);
  void where_value(const std::vector<bool>& holds, ItemBitmap& items) const;

  std::deque<Value> values_;
  std::unordered_map<std::string_view, uint32_t> value_numbers_;  // views of values_
  std::deque<std::vector<uint32_t>> sets_{{}};                    // ascending; the first is empty
  std::map<std::vector<uint32_t>, uint32_t> set_numbers_{{{}, 0}};
  std::vector<uint32_t> set_of_;  // by item; shorter than the catalogue means the empty set
};

}  // namespace palate
