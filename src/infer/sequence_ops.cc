#include "infer/sequence_ops.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "infer/sequence_ops.cc"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include "infer/row_ops.h"
#include "infer/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

// The shares of a head's keys, the newest first, before they are divided by their sum: that.
float shares_of(const SequenceJob& job, size_t head, float* shares) {
  const SequenceOp& op = job.op;
  const size_t columns = op.width / op.heads, stride = panel_padded(op.length);
  const float* keys = job.memory + op.rest_at() + head * columns * stride;
  const float* query = job.query + head * columns;
  const float* position = op.position.data() + head * op.length;
  const float scale = 1.0F / std::sqrt(static_cast<float>(columns));
  each_column(job.ids, [&](auto d, size_t j) HWY_ATTR {
    auto sum = hn::Zero(d);
    for (size_t c = 0; c < columns; ++c) {
      sum = hn::MulAdd(hn::Set(d, query[c]), hn::LoadU(d, keys + c * stride + j), sum);
    }
    hn::StoreU(hn::MulAdd(sum, hn::Set(d, scale), hn::LoadU(d, position + j)), d, shares + j);
  });
  const float largest = *std::max_element(shares, shares + job.ids);
  return sum_of_columns(job.ids, [&](auto d, size_t j) HWY_ATTR {
    const auto off = hn::Sub(hn::LoadU(d, shares + j), hn::Set(d, largest));
    const auto power = hn::Exp(d, hn::Max(off, hn::Set(d, -104.0F)));
    hn::StoreU(power, d, shares + j);
    return power;
  });
}

void attend(const SequenceJob& job, float* out) {
  const SequenceOp& op = job.op;
  const size_t columns = op.width / op.heads, stride = op.made_stride();
  float* shares = job.memory + op.rest_at() + op.width * panel_padded(op.length);
  const float* oldest = job.memory + op.made_at() + op.width;
  for (size_t head = 0; head < op.heads; ++head) {
    const float share = 1.0F / shares_of(job, head, shares);
    each_column(columns, [&](auto d, size_t c) HWY_ATTR {
      auto sum = hn::Zero(d);
      for (size_t j = 0; j < job.ids; ++j) {
        const float* value = oldest + (job.ids - 1 - j) * stride + head * columns;
        sum = hn::MulAdd(hn::Set(d, shares[j]), hn::LoadU(d, value + c), sum);
      }
      hn::StoreU(hn::Mul(sum, hn::Set(d, share)), d, out + head * columns + c);
    });
  }
}

void gru(const SequenceJob& job, float* out) {
  const SequenceOp& op = job.op;
  float* state = job.memory + op.rest_at();
  float* inner = state + panel_padded(op.width);
  std::fill_n(state, op.width, 0.0F);
  for (size_t i = 0; i < job.ids; ++i) {
    const float* made = job.memory + op.made_at() + i * op.made_stride();
    multiply(op.recurrent, {.rows = 1,
                            .left = {state, 0},
                            .out = inner,
                            .out_stride = 0,
                            .epilogue = {.bias = op.recurrent.bias.data()}});
    each_column(op.width, [&](auto d, size_t c) HWY_ATTR {
      const auto both = [&](size_t gate) HWY_ATTR {
        return hn::Add(hn::LoadU(d, made + gate * op.width + c),
                       hn::LoadU(d, inner + gate * op.width + c));
      };
      const auto r = sigmoid(d, both(0)), z = sigmoid(d, both(1));
      const auto n = hn::Tanh(d, hn::MulAdd(r, hn::LoadU(d, inner + 2 * op.width + c),
                                            hn::LoadU(d, made + 2 * op.width + c)));
      const auto before = hn::LoadU(d, state + c);
      hn::StoreU(hn::MulAdd(z, hn::Sub(before, n), n), d, state + c);
    });
  }
  std::copy_n(state, op.width, out);
}

void sequence_kernel(const SequenceJob& job, float* out) {
  if (job.op.kind == OpKind::kGru) return gru(job, out);
  attend(job, out);
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(sequence_kernel);

size_t SequenceOp::floats() const {
  if (kind == OpKind::kGru) return rest_at() + panel_padded(width) + panel_padded(3 * width);
  return rest_at() + (width + 1) * panel_padded(length);
}

SequenceOp make_sequence_op(const Op& op, const OpTensors& tensors, size_t field_width) {
  SequenceOp out{.kind = op.kind,
                 .width = op.width,
                 .heads = op.parts,
                 .length = op.length,
                 .read = {},
                 .recurrent = {},
                 .position = tensors.position,
                 .query = tensors.query};
  const ColumnRun all{0, static_cast<uint32_t>(field_width)}, state{0, op.width};
  if (op.kind == OpKind::kGru) {
    const size_t gates = 3 * size_t{op.width};
    out.read = pack_weights(tensors.weight, field_width, {all}, tensors.bias.first(gates));
    out.recurrent = pack_weights(tensors.inner, op.width, {state}, tensors.bias.last(gates));
    return out;
  }
  std::vector<float> bias(op.width);  // keys have none: it would shift all scores of a query alike
  bias.insert(bias.end(), tensors.bias.begin(), tensors.bias.end());
  out.read = pack_weights(tensors.weight, field_width, {all}, bias);
  return out;
}

std::span<const uint32_t> newest_ids(const SequenceOp& op, const SparseValues& values, size_t row) {
  if (values.offsets.empty()) return values.ids.subspan(row, 1);
  const size_t begin = values.offsets[row], end = values.offsets[row + 1];
  const size_t count = std::min(end - begin, op.length);
  return values.ids.subspan(end - count, count);
}

void read_sequence(const SequenceOp& op, const EmbeddingTable& table, std::span<const uint32_t> ids,
                   float* memory) {
  const size_t in_stride = panel_padded(op.read.in), stride = op.made_stride();
  gather_rows({.table = table,
               .values = {ids, {}},
               .rows = ids.size(),
               .out = memory,
               .out_stride = in_stride});
  float* made = memory + op.made_at();
  multiply(op.read, {.rows = ids.size(),
                     .left = {memory, in_stride},
                     .out = made,
                     .out_stride = stride,
                     .epilogue = {.bias = op.read.bias.data()}});
  if (op.kind == OpKind::kGru) return;
  float* keys = memory + op.rest_at();
  for (size_t j = 0; j < ids.size(); ++j) {
    const float* key = made + (ids.size() - 1 - j) * stride;
    for (size_t c = 0; c < op.width; ++c) keys[c * panel_padded(op.length) + j] = key[c];
  }
}

void run_sequence(const SequenceJob& job, std::span<float> out) {
  if (job.ids == 0) {
    std::ranges::fill(out, 0.0F);
    return;
  }
  HWY_DYNAMIC_DISPATCH(sequence_kernel)(job, out.data());
}

}  // namespace palate
#endif
