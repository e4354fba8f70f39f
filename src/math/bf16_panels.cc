#include "math/bf16_panels.h"

#include <algorithm>

#include "math/screen.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/bf16_panels.cc"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include <hwy/highway.h>

#include "math/panels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

// As panels-inl.h wants its tables. A pair is one word of 32 bits: its second half already is an
// fp32 but for the bits below, its first half after a shift.
struct WidenedPanels {
  const Bf16Table& from;
  const PanelTable& table;
  using Number = uint32_t;
  static constexpr size_t kTogether = 2;

  [[nodiscard]] size_t panel_words() const { return (table.dim + 1) / 2 * kPanelItems; }
  [[nodiscard]] size_t panel_bytes() const { return panel_words() * sizeof(uint32_t); }
  [[nodiscard]] const uint32_t* panel(size_t number) const {
    return from.panels->words.data() + number * panel_words();
  }
  template <size_t kPart>
  HWY_INLINE static Floats load(const uint32_t* items, size_t d) {
    const hn::RebindToUnsigned<decltype(kTag)> words;
    const auto pair = hn::LoadU(words, items + d / 2 * kPanelItems);
    if constexpr (kPart == 0) return hn::BitCast(kTag, hn::ShiftLeft<16>(pair));
    return hn::BitCast(kTag, hn::And(pair, hn::Set(words, 0xffff0000U)));
  }
};

void top_k_widened_kernel(const Bf16Table& table, std::span<PanelQuery> queries, size_t first_panel,
                          size_t end_panel) {
  const WidenedPanels panels{table, table.table};
  if (table.table.measure == Measure::kProduct) {
    select_all<Measure::kProduct>(panels, queries, first_panel, end_panel);
  } else {
    select_all<Measure::kDistance>(panels, queries, first_panel, end_panel);
  }
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(top_k_widened_kernel);

bool multiplies_bf16() {
#if defined(__x86_64__)
  static const bool does = __builtin_cpu_supports("avx512bf16") &&
                           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return does;
#else
  return false;
#endif
}

void top_k_bf16_panels(const Bf16Table& table, std::span<PanelQuery> queries, size_t first_panel,
                       size_t end_panel) {
#if defined(__x86_64__)
  if (!table.widen_only && multiplies_bf16() && table.table.measure == Measure::kProduct) {
    return top_k_avx512bf16(table, queries, first_panel, end_panel);
  }
#endif
  HWY_DYNAMIC_DISPATCH(top_k_widened_kernel)(table, queries, first_panel, end_panel);
}

Bf16Panels pack_bf16_panels(const StoredRows& rows) {
  const size_t panels = (rows.count + kPanelItems - 1) / kPanelItems;
  const size_t words = (rows.dim + 1) / 2 * kPanelItems;
  Bf16Panels out{Bf16Words(panels * words, 0), std::vector<float>(panels, 0.0F)};
  std::vector<float> wide(rows.dim);
  for (size_t i = 0; i < rows.count; ++i) {
    const auto* row = reinterpret_cast<const uint16_t*>(rows.row(i));
    uint32_t* to = out.words.data() + i / kPanelItems * words + i % kPanelItems;
    for (size_t d = 0; d < rows.dim; ++d) {
      to[d / 2 * kPanelItems] |= uint32_t{row[d]} << (d % 2 * 16);
    }
    widen_row(rows, i, wide.data());
    float& longest = out.lengths[i / kPanelItems];
    // Rounded up; what is not finite stays so, and no bound is made of it.
    const auto length = static_cast<float>(extent(wide).length * (1 + 0x1p-22));
    if (!(length <= longest)) longest = length;
  }
  return out;
}

}  // namespace palate
#endif
