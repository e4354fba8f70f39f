#include "features/item_columns.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace palate {
namespace {

double number_of(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && std::isfinite(number) ? number : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

std::vector<uint32_t> ItemColumn::numbers_of(std::span<const std::string> values) {
  std::vector<uint32_t> numbers;
  for (const std::string& text : values) {
    auto found = value_numbers_.find(text);
    if (found == value_numbers_.end()) {
      const auto number = static_cast<uint32_t>(values_.size());
      values_.push_back({text, number_of(text)});
      found = value_numbers_.emplace(values_.back().text, number).first;
    }
    numbers.push_back(found->second);
  }
  std::ranges::sort(numbers);
  const auto repeats = std::ranges::unique(numbers);
  numbers.erase(repeats.begin(), repeats.end());
  return numbers;
}

void ItemColumn::set(ItemIx item, std::span<const std::string> values) {
  if (values.empty() && item.value >= set_of_.size()) return;
  std::vector<uint32_t> numbers = numbers_of(values);
  const auto [at, added] = set_numbers_.try_emplace(numbers, static_cast<uint32_t>(sets_.size()));
  if (added) sets_.push_back(std::move(numbers));
  if (item.value >= set_of_.size()) set_of_.resize(item.value + 1);
  set_of_[item.value] = at->second;
}

double ItemColumn::number(ItemIx item) const {
  if (item.value < set_of_.size()) {
    for (const uint32_t value : sets_[set_of_[item.value]]) {
      if (!std::isnan(values_[value].number)) return values_[value].number;
    }
  }
  return std::numeric_limits<double>::quiet_NaN();
}

void ItemColumn::where_value(const std::vector<bool>& holds, ItemBitmap& items) const {
  std::vector<uint8_t> set_holds(sets_.size());
  for (size_t s = 0; s < sets_.size(); ++s) {
    set_holds[s] = std::ranges::any_of(sets_[s], [&](uint32_t value) { return holds[value]; });
  }
  const size_t end = std::min(set_of_.size(), items.size() * 64);
  for (size_t begin = 0; begin < end; begin += 64) {
    uint64_t word = 0;
    for (size_t i = begin; i < std::min(begin + 64, end); ++i) {
      word |= uint64_t{set_holds[set_of_[i]]} << (i - begin);
    }
    items[begin / 64] |= word;
  }
}

void ItemColumn::where(const std::function<bool(const Value&)>& test, ItemBitmap& items) const {
  std::vector<bool> holds(values_.size());
  for (size_t v = 0; v < values_.size(); ++v) holds[v] = test(values_[v]);
  where_value(holds, items);
}

void ItemColumn::where_any_of(std::span<const std::string> texts, ItemBitmap& items) const {
  std::vector<bool> holds(values_.size());
  for (const std::string& text : texts) {
    const auto found = value_numbers_.find(text);
    if (found != value_numbers_.end()) holds[found->second] = true;
  }
  where_value(holds, items);
}

void ItemColumn::where_any(ItemBitmap& items) const {
  where_value(std::vector<bool>(values_.size(), true), items);
}

}  // namespace palate
