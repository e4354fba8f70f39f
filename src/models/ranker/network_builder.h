// Writes a network down op by op: each function adds one and says which value it is.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "infer/trainable.h"

namespace palate {

class NetworkBuilder {
 public:
  using Value = uint32_t;

  Value embed(SparseField field) {
    plan_.spec.sparse.push_back(std::move(field));
    const auto place = static_cast<uint32_t>(plan_.spec.sparse.size() - 1);
    return add({.kind = OpKind::kEmbed, .width = plan_.spec.sparse.back().width, .field = place});
  }
  // A field whose ids are read one by one: an op of kind kAttend or kGru, without its field.
  Value sequence(SparseField field, Op op) {
    field.pooling = Pooling::kSequence;
    plan_.spec.sparse.push_back(std::move(field));
    op.field = static_cast<uint32_t>(plan_.spec.sparse.size() - 1);
    return add(std::move(op));
  }
  Value dense(DenseField field) {
    plan_.spec.dense.push_back(std::move(field));
    const auto place = static_cast<uint32_t>(plan_.spec.dense.size() - 1);
    return add({.kind = OpKind::kDense, .width = plan_.spec.dense.back().width, .field = place});
  }
  Value concat(std::vector<Value> values) {
    if (values.size() == 1) return values.front();
    uint32_t width = 0;
    for (const Value value : values) width += width_of(value);
    return add({.kind = OpKind::kConcat, .inputs = std::move(values), .width = width});
  }
  Value linear(Value x, uint32_t width, Activation activation = Activation::kNone,
               OpTraining training = {}) {
    return add({.kind = OpKind::kLinear, .inputs = {x}, .width = width, .activation = activation},
               training);
  }
  Value multiply(Value x, Value y) {
    return add({.kind = OpKind::kMultiply, .inputs = {x, y}, .width = width_of(x)});
  }
  Value scaled(Value x, float scale) {
    return add({.kind = OpKind::kScale, .inputs = {x}, .width = width_of(x), .scale = scale});
  }
  // One value as it is.
  Value sum(std::vector<Value> values) {
    if (values.size() == 1) return values.front();
    const uint32_t width = width_of(values.front());
    return add({.kind = OpKind::kAdd, .inputs = std::move(values), .width = width});
  }
  // Full, or of a rank.
  Value cross(Value x, Value y, uint32_t rank, OpTraining training = {}) {
    const OpKind kind = rank == 0 ? OpKind::kCross : OpKind::kCrossLowRank;
    return add({.kind = kind, .inputs = {x, y}, .width = width_of(x), .rank = rank}, training);
  }
  // Any op, without its name.
  Value of(Op op) { return add(std::move(op)); }
  void output(Output output, Value value) {
    output.value = value;
    plan_.spec.outputs.push_back(std::move(output));
  }
  [[nodiscard]] uint32_t width_of(Value value) const { return plan_.spec.ops[value].width; }
  [[nodiscard]] TrainableNetwork take() && { return std::move(plan_); }

 private:
  Value add(Op op, OpTraining training = {}) {
    op.name = std::to_string(plan_.spec.ops.size()) + "_" + std::string(op_name(op.kind));
    plan_.spec.ops.push_back(std::move(op));
    plan_.training.push_back(training);
    return static_cast<Value>(plan_.spec.ops.size() - 1);
  }

  TrainableNetwork plan_;
};

}  // namespace palate
