// The ops over sequences of ids (infer/network_spec.h) with gradients: kAttend and kGru.
#pragma once

#include <cstdint>
#include <span>

#include <ATen/ATen.h>

#include "infer/network_spec.h"

namespace palate {

// Sequences of rows, one after the other: of row i ids [start[i], start[i + 1]), the newest last.
struct TorchSequences {
  at::Tensor embedded;  // [ids × field's width]
  std::span<const uint32_t> start;
  [[nodiscard]] int64_t rows() const { return static_cast<int64_t>(start.size()) - 1; }
};

// The tensors of an op, shaped as network_spec.h says.
struct AttendTensors {
  at::Tensor weight, bias, position;
  at::Tensor query;  // [rows × width], or [width] for all
};
struct GruTensors {
  at::Tensor weight, inner, bias;
};

// [rows × op.width]. Precondition: the op is of its kind and checked.
at::Tensor attended(const Op& op, const AttendTensors& tensors, const TorchSequences& sequences);
at::Tensor gru_state(const Op& op, const GruTensors& tensors, const TorchSequences& sequences);

}  // namespace palate
