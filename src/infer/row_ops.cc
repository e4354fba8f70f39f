#include "infer/row_ops.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <hwy/cache_control.h>

#include "infer/quantize_table.h"
#include "math/stored_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "infer/row_ops.cc"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include "infer/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

// Input i of one row.
struct RowInputs {
  std::span<const BlockView> in;
  size_t row;
  [[nodiscard]] const float* operator[](size_t i) const { return in[i].row(row); }
  [[nodiscard]] size_t size() const { return in.size(); }
};

template <class D>
HWY_INLINE hn::Vec<D> sum_and_squares(D d, const RowInputs& in, size_t c, hn::Vec<D>* squares) {
  auto sum = hn::Zero(d);
  *squares = hn::Zero(d);
  for (size_t i = 0; i < in.size(); ++i) {
    const auto x = hn::LoadU(d, in[i] + c);
    sum = hn::Add(sum, x);
    *squares = hn::MulAdd(x, x, *squares);
  }
  return sum;
}

// ½((Σx_i)² − Σx_i²) of the columns from c on.
template <class D>
HWY_INLINE hn::Vec<D> pairs(D d, const RowInputs& in, size_t c) {
  hn::Vec<D> squares;
  const auto sum = sum_and_squares(d, in, c, &squares);
  return hn::Mul(hn::Set(d, 0.5F), hn::MulSub(sum, sum, squares));
}

template <class D>
HWY_INLINE hn::Vec<D> weighted_pairs(D d, const RowInputs& in, size_t c, const float* weight) {
  auto all = hn::Zero(d);
  for (size_t i = 0; i + 1 < in.size(); ++i) {
    auto sum = hn::Zero(d);
    for (size_t j = i + 1; j < in.size(); ++j) {
      sum = hn::MulAdd(hn::Set(d, weight[i * in.size() + j]), hn::LoadU(d, in[j] + c), sum);
    }
    all = hn::MulAdd(sum, hn::LoadU(d, in[i] + c), all);
  }
  return all;
}

void layer_norm(const RowsJob& job, const float* x, float* out) {
  const float share = 1.0F / static_cast<float>(job.width);
  const float mean = share * sum_of_columns(job.width, [&](auto d, size_t c) HWY_ATTR {
                       return hn::LoadU(d, x + c);
                     });
  const float variance = share * sum_of_columns(job.width, [&](auto d, size_t c) HWY_ATTR {
                           const auto off = hn::Sub(hn::LoadU(d, x + c), hn::Set(d, mean));
                           return hn::Mul(off, off);
                         });
  const float scale = 1.0F / std::sqrt(variance + 1e-5F);
  each_column(job.width, [&](auto d, size_t c) HWY_ATTR {
    const auto off = hn::Sub(hn::LoadU(d, x + c), hn::Set(d, mean));
    const auto gain = hn::Mul(hn::Set(d, scale), hn::LoadU(d, job.weight + c));
    hn::StoreU(hn::MulAdd(off, gain, hn::LoadU(d, job.bias + c)), d, out + c);
  });
}

void softmax(const RowsJob& job, const float* x, float* out) {
  const float largest = *std::max_element(x, x + job.width);
  const float sum = sum_of_columns(job.width, [&](auto d, size_t c) HWY_ATTR {
    const auto off = hn::Sub(hn::LoadU(d, x + c), hn::Set(d, largest));
    const auto power = hn::Exp(d, hn::Max(off, hn::Set(d, -104.0F)));
    hn::StoreU(power, d, out + c);
    return power;
  });
  each_column(job.width, [&](auto d, size_t c) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(d, out + c), hn::Set(d, 1.0F / sum)), d, out + c);
  });
}

// Ops whose columns do not know of each other.
template <class D>
HWY_INLINE hn::Vec<D> column(D d, const RowsJob& job, const RowInputs& in, size_t c) {
  auto all = hn::LoadU(d, in[0] + c);
  switch (job.kind) {
    case OpKind::kActivate:
      return activated(d, all, job.activation);
    case OpKind::kScale:
      return hn::Mul(all, hn::Set(d, job.scale));
    case OpKind::kPairs:
      return pairs(d, in, c);
    case OpKind::kAdd:
      for (size_t i = 1; i < in.size(); ++i) all = hn::Add(all, hn::LoadU(d, in[i] + c));
      return all;
    case OpKind::kMultiply:
      for (size_t i = 1; i < in.size(); ++i) all = hn::Mul(all, hn::LoadU(d, in[i] + c));
      return all;
    default:  // kConcat
      return all;
  }
}

void mix(const RowsJob& job, const RowInputs& in, float* out) {
  each_column(job.width, [&](auto d, size_t c) HWY_ATTR {
    auto sum = hn::Zero(d);
    for (size_t i = 1; i < in.size(); ++i) {
      sum = hn::MulAdd(hn::Set(d, in[0][i - 1]), hn::LoadU(d, in[i] + c), sum);
    }
    hn::StoreU(sum, d, out + c);
  });
}

void one_row(const RowsJob& job, const RowInputs& in, float* out) {
  switch (job.kind) {
    case OpKind::kLayerNorm:
      return layer_norm(job, in[0], out);
    case OpKind::kSoftmax:
      return softmax(job, in[0], out);
    case OpKind::kMix:
      return mix(job, in, out);
    case OpKind::kFm:
      *out = sum_of_columns(job.width, [&](auto d, size_t c) HWY_ATTR { return pairs(d, in, c); });
      return;
    case OpKind::kFmWeighted:
      *out = sum_of_columns(job.width, [&](auto d, size_t c) HWY_ATTR {
        return weighted_pairs(d, in, c, job.weight);
      });
      return;
    case OpKind::kBilinear:
      *out = sum_of_columns(job.width, [&](auto d, size_t c) HWY_ATTR {
        return hn::Mul(hn::LoadU(d, in[0] + c), hn::LoadU(d, in[1] + c));
      });
      return;
    default:
      each_column(job.width, [&](auto d, size_t c)
                                 HWY_ATTR { hn::StoreU(column(d, job, in, c), d, out + c); });
  }
}

void rows_kernel(const RowsJob& job) {
  for (size_t row = 0; row < job.rows; ++row) {
    one_row(job, {job.in, row}, job.out + row * job.out_stride);
  }
}

// How a table's numbers become fp32.
struct F32Row {
  const float* at;
  template <class D>
  HWY_INLINE hn::Vec<D> load(D d, size_t c) const {
    return hn::LoadU(d, at + c);
  }
};
struct Bf16Row {
  const uint16_t* at;
  template <class D>
  HWY_INLINE hn::Vec<D> load(D d, size_t c) const {
    return load_bf16(d, at + c);
  }
};
struct Int8Row {
  const int8_t* at;
  float scale;
  template <class D>
  HWY_INLINE hn::Vec<D> load(D d, size_t c) const {
    const hn::RebindToSigned<D> ints;
    const hn::Rebind<int8_t, D> bytes;
    const auto code = hn::ConvertTo(d, hn::PromoteTo(ints, hn::LoadU(bytes, at + c)));
    return hn::Mul(code, hn::Set(d, scale));
  }
};

// Two codes a byte, the lower bits first: eight of them are a word, shifted by four times the lane.
struct Int4Row {
  const uint8_t* at;
  float step, low;
  template <class D>
  HWY_INLINE hn::Vec<D> load(D d, size_t c) const {
    return hn::MulAdd(codes(d, c), hn::Set(d, step), hn::Set(d, low));
  }
  template <class D>
  HWY_INLINE hn::Vec<D> codes(D d, size_t c) const {
    const hn::RebindToSigned<D> ints;
    const hn::RebindToUnsigned<D> bits;
    uint32_t word = 0;
    std::memcpy(&word, at + c / 2, (hn::MaxLanes(d) + 1) / 2);
    const auto all = hn::Set(bits, word >> (c % 2 * 4));
    const auto shifted = hn::Shr(all, hn::ShiftLeft<2>(hn::Iota(bits, 0)));
    return hn::ConvertTo(d, hn::BitCast(ints, hn::And(shifted, hn::Set(bits, 15))));
  }
#if HWY_MAX_BYTES >= 64
  HWY_INLINE hn::Vec<decltype(kWide)> codes(decltype(kWide) d, size_t c) const {
    const hn::Half<decltype(kWide)> half;
    return hn::Combine(d, codes(half, c + 8), codes(half, c));
  }
#endif
};

template <class MakeRow>
HWY_INLINE void gather(const GatherJob& job, size_t row_bytes, const MakeRow& make_row) {
  constexpr size_t kAheadIds = 32, kLine = 64;
  const auto& [ids, offsets] = job.values;
  const uint32_t rows = job.table.rows;
  for (size_t i = 0; i < job.rows; ++i) {
    const size_t row = job.first + i;
    const size_t begin = offsets.empty() ? row : offsets[row];
    const size_t end = offsets.empty() ? row + 1 : offsets[row + 1];
    float* out = job.out + i * job.out_stride;
    if (begin == end) std::fill_n(out, job.table.width, 0.0F);
    const float share = job.pooling == Pooling::kMean ? 1.0F / static_cast<float>(end - begin) : 1;
    for (size_t at = begin; at < end; ++at) {
      if (at + kAheadIds < ids.size()) {
        const uint32_t next = ids[at + kAheadIds];
        const std::byte* line = job.table.data + (next < rows ? next : 0) * row_bytes;
        for (size_t b = 0; b < row_bytes; b += kLine) hwy::Prefetch(line + b);
        if (job.table.row_scales() != nullptr) {
          hwy::Prefetch(job.table.row_scales() + (next < rows ? next : 0) * kRowScaleBytes);
        }
      }
      const auto from = make_row(ids[at] < rows ? ids[at] : 0);
      each_column(job.table.width, [&](auto d, size_t c) HWY_ATTR {
        const auto x = hn::Mul(from.load(d, c), hn::Set(d, share));
        hn::StoreU(at == begin ? x : hn::Add(x, hn::LoadU(d, out + c)), d, out + c);
      });
    }
  }
}

void gather_kernel(const GatherJob& job) {
  const size_t width = job.table.width;
  const std::byte* data = job.table.data;
  if (job.table.type == DType::kF32) {
    gather(job, width * sizeof(float), [&](size_t id) HWY_ATTR {
      return F32Row{reinterpret_cast<const float*>(data) + id * width};
    });
  } else if (job.table.type == DType::kBF16) {
    gather(job, width * sizeof(uint16_t), [&](size_t id) HWY_ATTR {
      return Bf16Row{reinterpret_cast<const uint16_t*>(data) + id * width};
    });
  } else if (job.table.type == DType::kU8) {
    const size_t bytes = int4_row_bytes(width);
    gather(job, bytes, [&](size_t id) HWY_ATTR {
      const uint16_t* steps = job.table.steps + 2 * id;
      return Int4Row{reinterpret_cast<const uint8_t*>(data) + id * bytes, from_bf16(steps[0]),
                     from_bf16(steps[1])};
    });
  } else {
    gather(job, width, [&](size_t id) HWY_ATTR {
      return Int8Row{reinterpret_cast<const int8_t*>(data) + id * width, job.table.scale[id]};
    });
  }
}

void normalize_kernel(const DenseNorm& norm, const RowsJob& job) {
  for (size_t row = 0; row < job.rows; ++row) {
    const float* x = job.in[0].row(row);
    float* out = job.out + row * job.out_stride;
    each_column(job.width, [&](auto d, size_t c) HWY_ATTR {
      const auto value = hn::LoadU(d, x + c);
      const auto off = hn::Sub(value, hn::LoadU(d, norm.mean.data() + c));
      const auto scaled = hn::Mul(off, hn::LoadU(d, norm.scale.data() + c));
      hn::StoreU(hn::IfThenElseZero(hn::IsFinite(value), scaled), d, out + c);
    });
  }
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(rows_kernel);
HWY_EXPORT(gather_kernel);
HWY_EXPORT(normalize_kernel);

void run_rows(const RowsJob& job) { HWY_DYNAMIC_DISPATCH(rows_kernel)(job); }
void gather_rows(const GatherJob& job) { HWY_DYNAMIC_DISPATCH(gather_kernel)(job); }
void normalize_rows(const DenseNorm& norm, const RowsJob& job) {
  HWY_DYNAMIC_DISPATCH(normalize_kernel)(norm, job);
}

}  // namespace palate
#endif
