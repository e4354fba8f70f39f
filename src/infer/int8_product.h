// Products in 8 bits with what follows fused in, as product.h has them in fp32. Weights have a
// scale an output and codes as large as the processor's kernel takes; a row of the left matrix is
// quantized when it comes, by its own range, to codes in [0, 127]: nothing saturates. Sums are
// whole numbers: of the same codes every kernel gives the same ones.
#pragma once

#include <string_view>
#include <vector>

#include "infer/product.h"

namespace palate {

// Of four columns; an even number of them.
constexpr size_t int8_groups(size_t in) { return (in + 7) / 8 * 2; }

// Panels of 16 outputs; of each group of four columns 64 bytes, four an output. What is missing
// is 0.
struct Int8Weights {
  size_t in = 0, out = 0;
  std::vector<ColumnRun> runs;
  TableOf<int8_t> codes;
  FloatTable scale;    // panel_padded(out): a weight is its code times this
  FloatTable offsets;  // panel_padded(out): the sum of an output's weights, as they are quantized
};
// Codes in [-code_max, code_max].
Int8Weights quantize_weights(const PackedWeights& weights, int code_max);

// Memory of a call, grown by need.
struct Int8Scratch {
  TableOf<uint8_t> codes;
  TableOf<int32_t> sums;
  FloatTable steps, lows;  // a row: x is about low + step · code
};

// out = epilogue(left[:, runs] · weightsᵀ), about; the bias comes with the epilogue. A row's result
// does not depend on the rows beside it. `out` overlaps nothing that is read.
void multiply_int8(const Int8Weights& weights, const Block& block, Int8Scratch& scratch);

// Rows of codes with one panel: sums[row][16].
struct Int8Panel {
  const uint8_t* left = nullptr;  // 4 · groups codes a row, in [0, 127]
  size_t rows = 0;
  const int8_t* weights = nullptr;
  size_t groups = 0;        // even
  int32_t* sums = nullptr;  // on a cache line
};
struct Int8Kernel {
  std::string_view name;
  int weight_code_max = 0;  // weights must be in [-weight_code_max, weight_code_max]
  void (*run)(const Int8Panel& panel) = nullptr;
};
// Those that this processor has, the fastest first. The last one is the plain twin.
std::span<const Int8Kernel> int8_kernels();

// One file each; only for processors that have what the file's name says (int8_kernels() asks).
void int8_avx512vnni(const Int8Panel& panel);
void int8_avx2(const Int8Panel& panel);
void int8_plain(const Int8Panel& panel);

}  // namespace palate
