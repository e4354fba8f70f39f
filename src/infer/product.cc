#include "infer/product.h"

#include <algorithm>
#include <array>

#include "math/stored_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "infer/product.cc"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include "infer/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

using Floats = hn::Vec<decltype(kWide)>;

// A tile's sums stay in registers: of 32 or 16 there are, some hold weights and a left value.
#if HWY_MAX_BYTES >= 64 && HWY_TARGET <= HWY_AVX3
constexpr size_t kTileRows = 12, kTilePanels = 2;
#elif HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_NEON
constexpr size_t kTileRows = 6, kTilePanels = 1;
#else
constexpr size_t kTileRows = 3, kTilePanels = 1;
#endif
constexpr size_t kVectors = kPanelColumns / hn::MaxLanes(kWide);  // of a panel

template <class D>
HWY_INLINE hn::Vec<D> load_weights(D d, const float* at) {
  return hn::LoadU(d, at);
}
template <class D>
HWY_INLINE hn::Vec<D> load_weights(D d, const uint16_t* at) {
  return load_bf16(d, at);
}

template <size_t kRows, size_t kPanels>
struct Tile {
  Floats sum[kRows][kPanels * kVectors];
};

// Stores a tile of whole panels from `row` and `column` on.
template <size_t kRows, size_t kPanels>
HWY_INLINE void store_whole(const Block& block, const Tile<kRows, kPanels>& tile, size_t row,
                            size_t column) {
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (size_t v = 0; v < kPanels * kVectors; ++v) {
      const size_t c = column + v * hn::Lanes(kWide);
      hn::StoreU(finished(kWide, tile.sum[r][v], block.epilogue, {row + r, c}), kWide,
                 block.out + (row + r) * block.out_stride + c);
    }
  }
}

// The last panel of a width that does not fill it: what lies behind the width is not touched.
template <size_t kRows>
HWY_NOINLINE void store_part(const Block& block, const Tile<kRows, 1>& tile, size_t row,
                             std::array<size_t, 2> columns) {
  HWY_ALIGN float sums[kPanelColumns];
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t v = 0; v < kVectors; ++v) {
      hn::StoreU(tile.sum[r][v], kWide, sums + v * hn::Lanes(kWide));
    }
    float* out = block.out + (row + r) * block.out_stride;
    for (size_t c = columns[0]; c < columns[1]; ++c) {
      const auto sum = hn::LoadU(kOneLane, sums + (c - columns[0]));
      hn::StoreU(finished(kOneLane, sum, block.epilogue, {row + r, c}), kOneLane, out + c);
    }
  }
}

// Weights of an element type T, and rows times them.
template <class T>
struct Job {
  const PackedWeights& weights;
  const T* data;
  const Block& block;
};

template <size_t kRows, size_t kPanels, class T>
HWY_INLINE void tile_pass(const Job<T>& job, size_t row, size_t panel) {
  const auto& [weights, data, block] = job;
  Tile<kRows, kPanels> tile;
  const float* HWY_RESTRICT left[kRows];
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
    left[r] = block.left.row(row + r);
#pragma GCC unroll 16
    for (size_t v = 0; v < kPanels * kVectors; ++v) tile.sum[r][v] = hn::Zero(kWide);
  }
  const size_t apart = weights.in * kPanelColumns;
  const T* HWY_RESTRICT at = data + panel * apart;
  for (const ColumnRun& run : weights.runs) {
    for (size_t k = run.begin; k < run.end; ++k, at += kPanelColumns) {
      Floats weight[kPanels * kVectors];
#pragma GCC unroll 16
      for (size_t v = 0; v < kPanels * kVectors; ++v) {
        weight[v] =
            load_weights(kWide, at + v / kVectors * apart + v % kVectors * hn::Lanes(kWide));
      }
#pragma GCC unroll 16
      for (size_t r = 0; r < kRows; ++r) {
        const Floats one = hn::Set(kWide, left[r][k]);
#pragma GCC unroll 16
        for (size_t v = 0; v < kPanels * kVectors; ++v) {
          tile.sum[r][v] = hn::MulAdd(one, weight[v], tile.sum[r][v]);
        }
      }
    }
  }
  const size_t column = panel * kPanelColumns;
  if constexpr (kPanels == 1) {
    if (column + kPanelColumns > weights.out) {
      return store_part(block, tile, row, {column, weights.out});
    }
  }
  store_whole(block, tile, row, column);
}

template <size_t kRows, size_t kPanels, class T>
HWY_INLINE void rest_of_rows(const Job<T>& job, size_t row, size_t panel) {
  if constexpr (kRows > 0) {
    if (job.block.rows - row == kRows) return tile_pass<kRows, kPanels>(job, row, panel);
    rest_of_rows<kRows - 1, kPanels>(job, row, panel);
  }
}

// A panel's weights stay in the first-level cache while all rows of the block pass over them.
template <size_t kPanels, class T>
HWY_NOINLINE void panel_pass(const Job<T>& job, size_t panel) {
  size_t row = 0;
  for (; row + kTileRows <= job.block.rows; row += kTileRows) {
    tile_pass<kTileRows, kPanels>(job, row, panel);
  }
  rest_of_rows<kTileRows - 1, kPanels>(job, row, panel);
}

// One output: a dot product a row, in four chains.
template <class T>
HWY_NOINLINE void single_output(const Job<T>& job) {
  const auto& [weights, data, block] = job;
  constexpr size_t kChains = 4;
  const size_t lanes = hn::Lanes(kWide);
  for (size_t row = 0; row < block.rows; ++row) {
    const float* HWY_RESTRICT left = block.left.row(row);
    const T* HWY_RESTRICT at = data;
    Floats sums[kChains] = {hn::Zero(kWide), hn::Zero(kWide), hn::Zero(kWide), hn::Zero(kWide)};
    float rest = 0;
    for (const ColumnRun& run : weights.runs) {
      size_t k = run.begin;
      for (; k + kChains * lanes <= run.end; k += kChains * lanes) {
#pragma GCC unroll 4
        for (size_t i = 0; i < kChains; ++i, at += lanes) {
          sums[i] =
              hn::MulAdd(hn::LoadU(kWide, left + k + i * lanes), load_weights(kWide, at), sums[i]);
        }
      }
      for (; k + lanes <= run.end; k += lanes, at += lanes) {
        sums[0] = hn::MulAdd(hn::LoadU(kWide, left + k), load_weights(kWide, at), sums[0]);
      }
      for (; k < run.end; ++k, ++at) {
        rest += left[k] * hn::GetLane(load_weights(kOneLane, at));
      }
    }
    const Floats all = hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]));
    const auto sum = hn::Set(kOneLane, hn::GetLane(hn::SumOfLanes(kWide, all)) + rest);
    hn::StoreU(finished(kOneLane, sum, block.epilogue, {row, 0}), kOneLane,
               block.out + row * block.out_stride);
  }
}

// All outputs of rows that stay in the second-level cache meanwhile.
template <class T>
HWY_NOINLINE void all_panels(const Job<T>& job) {
  const PackedWeights& weights = job.weights;
  const size_t whole = weights.out / kPanelColumns;
  const size_t panels = panel_padded(weights.out) / kPanelColumns;
  size_t panel = 0;
  for (; panel + kTilePanels <= whole; panel += kTilePanels) {
    panel_pass<kTilePanels>(job, panel);
  }
  for (; panel < panels; ++panel) panel_pass<1>(job, panel);
}

template <class T>
void multiply_with(const Job<T>& job) {
  const auto& [weights, data, block] = job;
  if (weights.out == 1) return single_output(job);
  constexpr size_t kLeftBytes = size_t{224} << 10;
  const size_t fitting = kLeftBytes / (sizeof(float) * std::max<size_t>(weights.in, 1));
  const size_t step = std::max(fitting / kTileRows, size_t{1}) * kTileRows;
  for (size_t row = 0; row < block.rows; row += step) {
    Block part = block;
    part.rows = std::min(step, block.rows - row);
    part.left.data = block.left.row(row);
    part.out += row * block.out_stride;
    part.epilogue.times.data += row * block.epilogue.times.stride;
    part.epilogue.plus.data += row * block.epilogue.plus.stride;
    all_panels(Job<T>{weights, data, part});
  }
}

void multiply_kernel(const PackedWeights& weights, const Block& block) {
  if (!weights.halves.empty()) {
    return multiply_with(Job<uint16_t>{weights, weights.halves.data(), block});
  }
  multiply_with(Job<float>{weights, weights.data.data(), block});
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(multiply_kernel);

PackedWeights pack_weights(std::span<const float> weight, size_t columns,
                           std::vector<ColumnRun> runs, std::span<const float> bias) {
  PackedWeights packed;
  packed.out = weight.size() / columns;
  for (const ColumnRun& run : runs) packed.in += run.end - run.begin;
  packed.runs = std::move(runs);
  packed.bias.assign(panel_padded(packed.out), 0.0F);
  std::ranges::copy(bias, packed.bias.begin());
  const size_t wide = packed.out == 1 ? 1 : kPanelColumns;
  packed.data.assign(packed.in * (packed.out == 1 ? 1 : panel_padded(packed.out)), 0.0F);
  for (size_t row = 0; row < packed.out; ++row) {
    size_t to = row / wide * packed.in * wide + row % wide;
    for (const ColumnRun& run : packed.runs) {
      for (size_t k = run.begin; k < run.end; ++k, to += wide) {
        packed.data[to] = weight[row * columns + k];
      }
    }
  }
  return packed;
}

void narrow_to_bf16(PackedWeights& weights) {
  weights.halves.resize(weights.data.size());
  std::ranges::transform(weights.data, weights.halves.begin(), to_bf16);
  weights.data = {};
}

void multiply(const PackedWeights& weights, const Block& block) {
  HWY_DYNAMIC_DISPATCH(multiply_kernel)(weights, block);
}

}  // namespace palate
#endif
