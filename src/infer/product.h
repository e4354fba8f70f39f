// Products of a block of rows with a layer's weights in fp32, with what follows a layer fused in:
// shared parts, bias, activation, the cross of DCNv2. Each row's sums are in one order whatever
// rows stand beside it, so results do not depend on how rows are cut into calls; between
// instruction sets they differ in their last bits. Pure functions, thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "infer/network_spec.h"
#include "math/table.h"

namespace palate {

inline constexpr size_t kPanelColumns = 16;
constexpr size_t panel_padded(size_t width) {
  return (width + kPanelColumns - 1) / kPanelColumns * kPanelColumns;
}

// Rows of floats, `stride` apart; 0: one row for all. Not owning.
struct BlockView {
  const float* data = nullptr;
  size_t stride = 0;
  [[nodiscard]] const float* row(size_t i) const { return data + i * stride; }
};

// Columns [begin, end) of a matrix.
struct ColumnRun {
  uint32_t begin = 0, end = 0;
};

// What happens to a sum before it is stored: y = activation(sum + bias), then times · y + plus
// where these are set.
struct Epilogue {
  const float* bias = nullptr;  // panel_padded(out) readable floats
  Activation activation = Activation::kNone;
  BlockView times = {}, plus = {};  // `out` wide
};

struct Block {
  size_t rows = 0;
  BlockView left = {};
  float* out = nullptr;
  size_t out_stride = 0;
  Epilogue epilogue = {};
};

template <class T>
using TableOf = std::vector<T, TableAllocator<T>>;

// Weights [out × in] of the columns that are read, as the kernel walks through them: panels of 16
// outputs, a vector per column of the left matrix. One output alone lies as it is.
struct PackedWeights {
  size_t in = 0, out = 0;  // `in`: of all runs together
  std::vector<ColumnRun> runs;
  FloatTable data;           // or, in bf16 …
  TableOf<uint16_t> halves;  // … these, as `data` would lie
  FloatTable bias;           // panel_padded(out); zeros where there is none
};

// `columns`: of a row of `weight`. Precondition: runs lie within, ascending; bias is empty or has a
// number per row.
PackedWeights pack_weights(std::span<const float> weight, size_t columns,
                           std::vector<ColumnRun> runs, std::span<const float> bias);

// Keeps the weights in bf16, to the nearest: half the memory to pass through the caches. They are
// widened in registers, and sums stay in fp32: the same bits as of fp32 weights of these values.
void narrow_to_bf16(PackedWeights& weights);

// out = epilogue(left[:, runs] · weightsᵀ). `out` overlaps nothing that is read.
void multiply(const PackedWeights& weights, const Block& block);

}  // namespace palate
