#include <cstdlib>

#include "recommend/filter_expression.h"

// Whatever comes in: refused, or a tree whose one way of writing it parses to itself and which
// holds or does not hold for every item of a catalogue.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto filter = palate::FilterExpression::parse(text);
  if (!filter) return 0;
  const std::string written = filter->to_string();
  if (written.size() <= palate::kFilterBytesMax) {
    const auto again = palate::FilterExpression::parse(written);
    if (!again || again->to_string() != written) std::abort();
  }
  static const auto* const catalogue = [] {
    auto* made = new palate::Catalogue;
    palate::ItemRecord item;
    item.id = "a";
    item.categories = {"c"};
    item.tags = {"t"};
    item.attributes = {{"year", "2010"}};
    item.released.us = 1;
    if (!made->apply(item)) std::abort();
    return made;
  }();
  palate::ItemBitmap blocked(1);
  (void)filter->block_others(catalogue->view(), {1'000'000}, blocked);
  return 0;
}
