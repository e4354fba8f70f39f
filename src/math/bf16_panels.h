// As math/panels.h for rows in bf16: half the bytes of fp32, and the same bits that fp32 panels of
// the widened rows give. Items lie in panels of 16, two dimensions together: word pair * 16 + item
// of a panel has dimension 2 * pair of its item in its lower half and the next one in its upper
// half; what is missing is 0.
//
// Where the processor multiplies bf16 itself (AVX512-BF16) queries are rounded to bf16 too, and
// only panels whose sums come near enough to a query's worst kept score are summed up in fp32:
//   |q·x − q̂·x| ≤ ‖q − q̂‖ ‖x‖                                              (Cauchy-Schwarz)
// plus what both sums round away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "math/panels.h"

namespace palate {

using Bf16Words = std::vector<uint32_t, TableAllocator<uint32_t>>;

struct Bf16Panels {
  Bf16Words words;
  std::vector<float> lengths;  // one a panel: no item of it is longer
};
// `rows` must be of Width::kBf16 and without scale.
Bf16Panels pack_bf16_panels(const StoredRows& rows);

struct Bf16Table {
  const Bf16Panels* panels = nullptr;
  PanelTable table;         // its `panels` are not read
  bool widen_only = false;  // for tests and measuring: never AVX512-BF16
};
// As top_k_panels.
void top_k_bf16_panels(const Bf16Table& table, std::span<PanelQuery> queries, size_t first_panel,
                       size_t end_panel);

// Whether this processor multiplies bf16.
bool multiplies_bf16();
// Its file is bf16_avx512.cc; only where multiplies_bf16(), and for products.
void top_k_avx512bf16(const Bf16Table& table, std::span<PanelQuery> queries, size_t first_panel,
                      size_t end_panel);

}  // namespace palate
