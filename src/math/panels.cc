#include "math/panels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/panels.cc"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include <hwy/highway.h>

#include "math/panels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

// Panels of fp32, as panels-inl.h wants its tables.
struct Fp32Panels {
  PanelTable table;
  using Number = float;
  static constexpr size_t kTogether = 1;  // dimensions

  [[nodiscard]] const float* panel(size_t number) const {
    return table.panels + number * kPanelItems * table.dim;
  }
  [[nodiscard]] size_t panel_bytes() const { return kPanelItems * table.dim * sizeof(float); }
  // Dimension d of the items of one vector: `items` is panel() plus its first lane.
  template <size_t kPart>
  HWY_INLINE static Floats load(const float* items, size_t d) {
    return hn::LoadU(kTag, items + d * kPanelItems);
  }
};

void top_k_panels_kernel(const PanelTable& table, std::span<PanelQuery> queries, size_t first_panel,
                         size_t end_panel) {
  if (table.measure == Measure::kProduct) {
    select_all<Measure::kProduct>(Fp32Panels{table}, queries, first_panel, end_panel);
  } else {
    select_all<Measure::kDistance>(Fp32Panels{table}, queries, first_panel, end_panel);
  }
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(top_k_panels_kernel);

void top_k_panels(const PanelTable& table, std::span<PanelQuery> queries, size_t first_panel,
                  size_t end_panel) {
  HWY_DYNAMIC_DISPATCH(top_k_panels_kernel)(table, queries, first_panel, end_panel);
}

uint32_t allowed_of_panel(const PanelTable& table, const PanelQuery& query, size_t first) {
  const size_t item = table.first_item + first, word = item / 64, shift = item % 64;
  uint64_t taken = 0;
  if (word < query.blocked.size()) taken |= query.blocked[word];
  if (word < table.absent.size()) taken |= table.absent[word];
  const size_t items = std::min(kPanelItems, table.count - first);
  return ~static_cast<uint32_t>(taken >> shift) & ((uint32_t{1} << items) - 1);
}

void pack_panels(const StoredRows& table, size_t begin, size_t end, float* out) {
  const size_t dim = table.dim, panels = (end - begin + kPanelItems - 1) / kPanelItems;
  if ((end - begin) % kPanelItems != 0) {
    std::fill_n(out + (panels - 1) * kPanelItems * dim, kPanelItems * dim, 0.0F);
  }
  std::vector<float> row(dim);
  for (size_t i = 0; i < end - begin; ++i) {
    widen_row(table, begin + i, row.data());
    float* to = out + i / kPanelItems * kPanelItems * dim + i % kPanelItems;
    for (size_t d = 0; d < dim; ++d) to[d * kPanelItems] = row[d];
  }
}

FloatTable pack_panels(const StoredRows& table) {
  FloatTable out(panel_floats(table.count, table.dim));
  pack_panels(table, 0, table.count, out.data());
  return out;
}

}  // namespace palate
#endif
