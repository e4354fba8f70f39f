#include "infer/int8_product.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "infer/int8_product.cc"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include "infer/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

constexpr float kCodeMost = 127;

struct Range {
  float low = 0, high = 0;  // 0 is always within, so that it stays exact
};

Range range_of(const float* row, std::span<const ColumnRun> runs) {
  const size_t lanes = hn::Lanes(kWide);
  auto low = hn::Zero(kWide), high = low;
  Range range;
  for (const ColumnRun& run : runs) {
    size_t k = run.begin;
    for (; k + lanes <= run.end; k += lanes) {
      const auto x = hn::LoadU(kWide, row + k);
      low = hn::Min(low, x);
      high = hn::Max(high, x);
    }
    for (; k < run.end; ++k) {
      range = {std::min(range.low, row[k]), std::max(range.high, row[k])};
    }
  }
  return {std::min(range.low, hn::GetLane(hn::MinOfLanes(kWide, low))),
          std::max(range.high, hn::GetLane(hn::MaxOfLanes(kWide, high)))};
}

template <class D>
HWY_INLINE void store_codes(D /*d*/, hn::Vec<D> steps, uint8_t* to) {
  const hn::Rebind<uint8_t, D> bytes;
  const auto most = hn::Set(hn::RebindToSigned<D>(), static_cast<int32_t>(kCodeMost));
  hn::StoreU(hn::DemoteTo(bytes, hn::Min(hn::NearestInt(steps), most)), bytes, to);
}

// Codes of all runs, one after the other, then zeros up to 4 · groups.
void quantize_rows_kernel(const Int8Weights& weights, const Block& block, Int8Scratch& scratch) {
  const size_t width = 4 * int8_groups(weights.in);
  for (size_t row = 0; row < block.rows; ++row) {
    const float* from = block.left.row(row);
    const Range range = range_of(from, weights.runs);
    const float step = (range.high - range.low) / kCodeMost;
    scratch.steps[row] = step;
    scratch.lows[row] = range.low;
    const float inverse = step > 0 ? 1 / step : 0.0F;
    uint8_t* to = scratch.codes.data() + row * width;
    for (const ColumnRun& run : weights.runs) {
      each_column(run.end - run.begin, [&](auto d, size_t c) HWY_ATTR {
        const auto off = hn::Sub(hn::LoadU(d, from + run.begin + c), hn::Set(d, range.low));
        store_codes(d, hn::Mul(off, hn::Set(d, inverse)), to + c);
      });
      to += run.end - run.begin;
    }
    std::fill(to, scratch.codes.data() + (row + 1) * width, uint8_t{0});
  }
}

// What outputs from a column on turn sums of whole numbers into numbers by.
template <class D>
struct Scales {
  hn::Vec<D> scale, offset;
  Scales(D d, const Int8Weights& weights, size_t column)
      : scale(hn::LoadU(d, weights.scale.data() + column)),
        offset(hn::LoadU(d, weights.offsets.data() + column)) {}

  // Of a row of the scratch, from a column of the panel on.
  HWY_INLINE hn::Vec<D> numbers(const Int8Scratch& scratch, Spot at) const {
    const D d;
    const hn::RebindToSigned<D> ints;
    const auto sum =
        hn::ConvertTo(d, hn::LoadU(ints, scratch.sums.data() + at.row * kPanelColumns + at.column));
    const auto scaled = hn::Mul(hn::Mul(sum, hn::Set(d, scratch.steps.data()[at.row])), scale);
    return hn::MulAdd(hn::Set(d, scratch.lows.data()[at.row]), offset, scaled);
  }
};

// A whole panel with one kind of epilogue: what all rows share stays in registers.
enum class Finish : uint8_t { kPlain, kRelu, kCross, kAny };
template <Finish kFinish>
HWY_NOINLINE void finish_whole(const Int8Weights& weights, const Block& block,
                               const Int8Scratch& scratch, size_t first) {
  for (size_t c = 0; c < kPanelColumns; c += hn::Lanes(kWide)) {
    const size_t column = first + c;
    const Scales scales(kWide, weights, column);
    const auto bias = hn::LoadU(kWide, block.epilogue.bias + column);
    const float *times = nullptr, *plus = nullptr;  // there are none but of a cross
    if constexpr (kFinish == Finish::kCross) {
      times = block.epilogue.times.data + column;
      plus = block.epilogue.plus.data + column;
    }
    float* out = block.out + column;
    for (size_t row = 0; row < block.rows; ++row, out += block.out_stride) {
      const auto whole = scales.numbers(scratch, {row, c});
      auto y = hn::Add(whole, bias);
      if constexpr (kFinish == Finish::kRelu) y = hn::Max(y, hn::Zero(kWide));
      if constexpr (kFinish == Finish::kCross) {
        y = hn::MulAdd(hn::LoadU(kWide, times), y, hn::LoadU(kWide, plus));
        times += block.epilogue.times.stride;
        plus += block.epilogue.plus.stride;
      }
      if constexpr (kFinish == Finish::kAny) {
        y = finished(kWide, whole, block.epilogue, {row, column});
      }
      hn::StoreU(y, kWide, out);
    }
  }
}

// The last panel of a width that does not fill it.
HWY_NOINLINE void finish_part(const Int8Weights& weights, const Block& block,
                              const Int8Scratch& scratch, size_t first) {
  for (size_t row = 0; row < block.rows; ++row) {
    float* out = block.out + row * block.out_stride + first;
    each_column(weights.out - first, [&](auto d, size_t c) HWY_ATTR {
      const auto whole = Scales(d, weights, first + c).numbers(scratch, {row, c});
      hn::StoreU(finished(d, whole, block.epilogue, {row, first + c}), d, out + c);
    });
  }
}

// What a panel's sums stand for, finished.
void finish_panel_kernel(const Int8Weights& weights, const Block& block, Int8Scratch& scratch,
                         size_t panel) {
  const size_t first = panel * kPanelColumns;
  const Epilogue& epilogue = block.epilogue;
  if (first + kPanelColumns > weights.out) return finish_part(weights, block, scratch, first);
  if (epilogue.times.data != nullptr && epilogue.activation == Activation::kNone) {
    return finish_whole<Finish::kCross>(weights, block, scratch, first);
  }
  if (epilogue.times.data == nullptr && epilogue.activation == Activation::kNone) {
    return finish_whole<Finish::kPlain>(weights, block, scratch, first);
  }
  if (epilogue.times.data == nullptr && epilogue.activation == Activation::kRelu) {
    return finish_whole<Finish::kRelu>(weights, block, scratch, first);
  }
  finish_whole<Finish::kAny>(weights, block, scratch, first);
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(quantize_rows_kernel);
HWY_EXPORT(finish_panel_kernel);

Int8Weights quantize_weights(const PackedWeights& weights, int code_max) {
  Int8Weights out;
  out.in = weights.in;
  out.out = weights.out;
  out.runs = weights.runs;
  const size_t groups = int8_groups(out.in), padded = panel_padded(out.out);
  out.codes.assign(padded * groups * 4, 0);
  out.scale.assign(padded, 0.0F);
  out.offsets.assign(padded, 0.0F);
  const size_t wide = out.out == 1 ? 1 : kPanelColumns;  // how fp32 weights lie
  for (size_t o = 0; o < out.out; ++o) {
    const float* from = weights.data.data() + o / wide * out.in * wide + o % wide;
    float most = 0;
    for (size_t k = 0; k < out.in; ++k) most = std::max(most, std::abs(from[k * wide]));
    const float scale = most / static_cast<float>(code_max);
    out.scale[o] = scale;
    int32_t sum = 0;
    for (size_t k = 0; k < out.in; ++k) {
      const long code = scale > 0 ? std::lround(from[k * wide] / scale) : 0;
      const auto kept = static_cast<int8_t>(std::clamp<long>(code, -code_max, code_max));
      const size_t panel = o / kPanelColumns * groups, lane = o % kPanelColumns;
      out.codes[((panel + k / 4) * kPanelColumns + lane) * 4 + k % 4] = kept;
      sum += kept;
    }
    out.offsets[o] = scale * static_cast<float>(sum);
  }
  return out;
}

void int8_plain(const Int8Panel& panel) {
  for (size_t row = 0; row < panel.rows; ++row) {
    for (size_t lane = 0; lane < kPanelColumns; ++lane) {
      int32_t sum = 0;
      for (size_t k = 0; k < 4 * panel.groups; ++k) {
        sum += panel.left[row * 4 * panel.groups + k] *
               panel.weights[(k / 4 * kPanelColumns + lane) * 4 + k % 4];
      }
      panel.sums[row * kPanelColumns + lane] = sum;
    }
  }
}

std::span<const Int8Kernel> int8_kernels() {
  static const std::vector<Int8Kernel> kernels = [] {
    std::vector<Int8Kernel> found;
#if defined(__x86_64__)
    // __builtin_cpu_supports also asks whether the system saves the registers.
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl")) {
      found.push_back({"avx512vnni", 127, int8_avx512vnni});
    }
    if (__builtin_cpu_supports("avx2")) found.push_back({"avx2", 63, int8_avx2});
#endif
    found.push_back({"plain", 127, int8_plain});
    return found;
  }();
  return kernels;
}

void multiply_int8(const Int8Weights& weights, const Block& block, Int8Scratch& scratch) {
  const auto grow = [](auto& memory, size_t size) {
    if (memory.size() < size) memory.resize(size);
  };
  const size_t groups = int8_groups(weights.in);
  grow(scratch.codes, block.rows * groups * 4);
  grow(scratch.sums, block.rows * kPanelColumns);
  grow(scratch.steps, block.rows);
  grow(scratch.lows, block.rows);
  HWY_DYNAMIC_DISPATCH(quantize_rows_kernel)(weights, block, scratch);
  const Int8Kernel& kernel = int8_kernels().front();
  for (size_t panel = 0; panel < panel_padded(weights.out) / kPanelColumns; ++panel) {
    kernel.run({scratch.codes.data(), block.rows,
                weights.codes.data() + panel * groups * 4 * kPanelColumns, groups,
                scratch.sums.data()});
    HWY_DYNAMIC_DISPATCH(finish_panel_kernel)(weights, block, scratch, panel);
  }
}

}  // namespace palate
#endif
