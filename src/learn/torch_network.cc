#include "learn/torch_network.h"

#include <cmath>

#include "base/check.h"
#include "learn/torch_sequence.h"
#include "math/mix.h"

namespace palate {
namespace {

constexpr double kBatchNormMomentum = 0.1;
constexpr double kNormEpsilon = 1e-5;

at::Tensor activated(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kSigmoid:
      return at::sigmoid(x);
    case Activation::kTanh:
      return at::tanh(x);
    case Activation::kSilu:
      return at::silu(x);
  }
  return x;
}

// Glorot and Bengio 2010, equation 16.
Initial glorot(uint32_t in, uint32_t out) {
  return {Initial::Kind::kUniform, std::sqrt(6.0 / (static_cast<double>(in) + out))};
}

// A sum over all pairs of inputs starts small beside what is linear in them.
Initial near_zero(uint32_t left, uint32_t right) {
  return {Initial::Kind::kNormal, 1 / std::sqrt(static_cast<double>(left) * right)};
}

constexpr Initial kZeros{Initial::Kind::kConstant, 0};
constexpr Initial kOnes{Initial::Kind::kConstant, 1};

}  // namespace

struct TorchNetwork::Context {
  const Input& input;
  bool training;
  std::vector<at::Tensor> values;  // of the ops before
};

TorchNetwork::TorchNetwork(TrainableNetwork plan, uint64_t seed) : plan_(std::move(plan)) {
  PALATE_CHECK(plan_.spec.check().has_value(), "a network that is to be trained fits together");
  PALATE_CHECK(plan_.training.size() == plan_.spec.ops.size(), "training knows every op");
  int64_t statistics = 0;
  for (size_t i = 0; i < plan_.spec.ops.size(); ++i) {
    const Op& op = plan_.spec.ops[i];
    first_place_.push_back(parameters_.places().size());
    declare(op, plan_.training[i]);
    statistics_begin_.push_back(plan_.training[i].batch_norm ? statistics : -1);
    if (plan_.training[i].batch_norm) statistics += 2 * int64_t{op.width};
  }
  first_place_.push_back(parameters_.places().size());
  declare_outputs();
  parameters_.seal(seed);
  set_thresholds();
  statistics_ = at::zeros({statistics});
  for (size_t i = 0; i < plan_.spec.ops.size(); ++i) {
    const int64_t width = plan_.spec.ops[i].width;
    if (statistics_begin_[i] >= 0)
      statistics_.narrow(0, statistics_begin_[i] + width, width).fill_(1);
  }
}

void TorchNetwork::declare(const Op& op, const OpTraining& training) {
  const auto add = [&](const char* tensor, std::vector<int64_t> shape, Initial initial) {
    parameters_.add(op.name + "." + tensor, std::move(shape), initial);
  };
  const auto width_of = [&](size_t input) { return plan_.spec.ops[op.inputs[input]].width; };
  const int64_t width = op.width, parts = op.parts, rank = op.rank;
  switch (op.kind) {
    case OpKind::kLinear:
      add("weight", {width, width_of(0)}, glorot(width_of(0), op.width));
      add("bias", {width}, kZeros);
      break;
    case OpKind::kLinearBlocks:
      add("weight", {parts, width / parts, width / parts},
          glorot(op.width / op.parts, op.width / op.parts));
      add("bias", {width}, kZeros);
      break;
    case OpKind::kCross:
      add("weight", {width, width}, glorot(op.width, op.width));
      add("bias", {width}, kZeros);
      break;
    case OpKind::kCrossLowRank:
      add("u", {width, rank}, glorot(op.rank, op.width));
      add("v", {rank, width}, glorot(op.width, op.rank));
      add("bias", {width}, kZeros);
      break;
    case OpKind::kFmWeighted: {
      const auto inputs = static_cast<int64_t>(op.inputs.size());
      add("weight", {inputs, inputs}, kOnes);
      break;
    }
    case OpKind::kLayerNorm:
      add("gain", {width}, kOnes);
      add("shift", {width}, kZeros);
      break;
    case OpKind::kBilinear:
      add("weight", {parts, width_of(0) / parts, width_of(1) / parts},
          near_zero(width_of(0), width_of(1)));
      break;
    case OpKind::kAttend:
    case OpKind::kGru:
      declare_sequence(op);
      break;
    default:
      break;
  }
  if (training.batch_norm) {
    PALATE_CHECK(op.kind == OpKind::kLinear, "batch norm is for linear ops");
    add("gain", {width}, kOnes);
    add("shift", {width}, kZeros);
  }
}

// Behind those of the ops, since the engine has them in the spec, or not at all.
void TorchNetwork::declare_outputs() {
  for (const Output& output : plan_.spec.outputs) {
    const auto count = static_cast<int64_t>(output.thresholds.size());
    if (count > 0) parameters_.add("outputs." + output.name + ".thresholds", {count}, kZeros);
  }
  const auto outputs = static_cast<int64_t>(plan_.spec.outputs.size());
  if (plan_.uncertainty) parameters_.add("outputs.log_variances", {outputs}, kZeros);
}

// They start as the spec has them.
void TorchNetwork::set_thresholds() {
  for (size_t i = 0; i < plan_.spec.outputs.size(); ++i) {
    const auto& values = plan_.spec.outputs[i].thresholds;
    if (!values.empty()) thresholds(i).detach().copy_(at::tensor(values));
  }
}

at::Tensor TorchNetwork::thresholds(size_t output) const {
  const Output& one = plan_.spec.outputs[output];
  return one.thresholds.empty() ? at::Tensor() : parameters_["outputs." + one.name + ".thresholds"];
}

at::Tensor TorchNetwork::log_variances() const {
  return plan_.uncertainty ? parameters_["outputs.log_variances"] : at::Tensor();
}

void TorchNetwork::declare_sequence(const Op& op) {
  const uint32_t from = plan_.spec.sparse[op.field].width;
  const int64_t width = op.width;
  if (op.kind == OpKind::kGru) {
    parameters_.add(op.name + ".weight", {3 * width, from}, glorot(from, op.width));
    parameters_.add(op.name + ".inner", {3 * width, width}, glorot(op.width, op.width));
    parameters_.add(op.name + ".bias", {2, 3 * width}, kZeros);
    return;
  }
  parameters_.add(op.name + ".weight", {2 * width, from}, glorot(from, op.width));
  parameters_.add(op.name + ".bias", {width}, kZeros);
  parameters_.add(op.name + ".position", {op.parts, op.length}, kZeros);
  if (op.inputs.empty()) parameters_.add(op.name + ".query", {width}, glorot(op.width, 1));
}

at::Tensor TorchNetwork::sequence(const Op& op, const Context& context) const {
  const TorchSequences read{context.input.embedded[op.field], context.input.start[op.field]};
  if (op.kind == OpKind::kGru) {
    return gru_state(op, {of(op, "weight"), of(op, "inner"), of(op, "bias")}, read);
  }
  const at::Tensor query = op.inputs.empty() ? of(op, "query") : context.values[op.inputs[0]];
  return attended(op, {of(op, "weight"), of(op, "bias"), of(op, "position"), query}, read);
}

const at::Tensor& TorchNetwork::of(const Op& op, const char* tensor) const {
  return parameters_[op.name + "." + tensor];
}

at::Tensor TorchNetwork::product(const at::Tensor& x, const at::Tensor& weight,
                                 const at::Tensor& bias, bool training) const {
  if (bf16_ && training) {
    const at::Tensor half =
        at::mm(x.to(at::kBFloat16), weight.to(at::kBFloat16).t()).to(at::kFloat);
    return bias.defined() ? half + bias : half;
  }
  return bias.defined() ? at::addmm(bias, x, weight.t()) : at::mm(x, weight.t());
}

at::Tensor TorchNetwork::linear(size_t index, const at::Tensor& x, bool training) const {
  const Op& op = plan_.spec.ops[index];
  at::Tensor y = product(x, of(op, "weight"), of(op, "bias"), training);
  const int64_t begin = statistics_begin_[index];
  if (begin < 0) return y;
  return at::batch_norm(y, of(op, "gain"), of(op, "shift"), statistics_.narrow(0, begin, op.width),
                        statistics_.narrow(0, begin + op.width, op.width), training,
                        kBatchNormMomentum, kNormEpsilon, /*cudnn_enabled=*/false);
}

namespace {

at::Tensor pairwise(const std::vector<at::Tensor>& x) {
  const at::Tensor all = at::stack(x, 1);
  return 0.5 * (all.sum(1).square() - all.square().sum(1));
}

at::Tensor weighted_pairs(const std::vector<at::Tensor>& x, const at::Tensor& weight) {
  const at::Tensor all = at::stack(x, 1);  // [rows × inputs × width]
  const at::Tensor products = at::bmm(all, all.transpose(1, 2));
  return (products * at::triu(weight, 1)).sum(at::IntArrayRef({1, 2})).unsqueeze(1);
}

at::Tensor fused_bilinear(const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight) {
  const int64_t rows = x.size(0), parts = weight.size(0);
  const at::Tensor left = x.view({rows, parts, -1}).transpose(0, 1);  // [parts × rows × in]
  const at::Tensor right = y.view({rows, parts, -1}).transpose(0, 1);
  return (at::bmm(left, weight) * right).sum(at::IntArrayRef({0, 2})).unsqueeze(1);
}

at::Tensor linear_blocks(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const int64_t rows = x.size(0), parts = weight.size(0);
  const at::Tensor blocks = x.view({rows, parts, -1}).transpose(0, 1);
  const at::Tensor y = at::bmm(blocks, weight.transpose(1, 2));
  return y.transpose(0, 1).reshape({rows, -1}) + bias;
}

at::Tensor mixed(const std::vector<at::Tensor>& x) {
  at::Tensor sum;
  for (size_t i = 1; i < x.size(); ++i) {
    const at::Tensor part = x[0].narrow(1, static_cast<int64_t>(i) - 1, 1) * x[i];
    sum = sum.defined() ? sum + part : part;
  }
  return sum;
}

template <class Fold>
at::Tensor folded(const std::vector<at::Tensor>& x, Fold fold) {
  at::Tensor all = x.front();
  for (size_t i = 1; i < x.size(); ++i) all = fold(all, x[i]);
  return all;
}

}  // namespace

at::Tensor TorchNetwork::compute(size_t index, const Context& context) const {
  const Op& op = plan_.spec.ops[index];
  std::vector<at::Tensor> x;
  for (const uint32_t input : op.inputs) x.push_back(context.values[input]);
  switch (op.kind) {
    case OpKind::kEmbed:
      return context.input.embedded[op.field];
    case OpKind::kDense:
      return context.input.dense[op.field];
    case OpKind::kConcat:
      return at::cat(x, 1);
    case OpKind::kLinear:
      return activated(linear(index, x[0], context.training), op.activation);
    case OpKind::kLinearBlocks:
      return activated(linear_blocks(x[0], of(op, "weight"), of(op, "bias")), op.activation);
    case OpKind::kActivate:
      return activated(x[0], op.activation);
    case OpKind::kScale:
      return x[0] * op.scale;
    case OpKind::kAdd:
      return folded(x, [](const auto& a, const auto& b) { return a + b; });
    case OpKind::kMultiply:
      return folded(x, [](const auto& a, const auto& b) { return a * b; });
    case OpKind::kCross:
      return at::addcmul(x[1], x[0],
                         product(x[1], of(op, "weight"), of(op, "bias"), context.training));
    case OpKind::kCrossLowRank: {
      const at::Tensor narrow = product(x[1], of(op, "v"), {}, context.training);
      return at::addcmul(x[1], x[0],
                         product(narrow, of(op, "u"), of(op, "bias"), context.training));
    }
    case OpKind::kFm:
      return pairwise(x).sum(1, /*keepdim=*/true);
    case OpKind::kFmWeighted:
      return weighted_pairs(x, of(op, "weight"));
    case OpKind::kPairs:
      return pairwise(x);
    case OpKind::kLayerNorm:
      return at::layer_norm(x[0], {op.width}, of(op, "gain"), of(op, "shift"), kNormEpsilon);
    case OpKind::kBilinear:
      return fused_bilinear(x[0], x[1], of(op, "weight"));
    case OpKind::kSoftmax:
      return at::softmax(x[0], 1);
    case OpKind::kMix:
      return mixed(x);
    case OpKind::kAttend:
    case OpKind::kGru:
      return sequence(op, context);
  }
  PALATE_CHECK(false, "an op that LibTorch does not know");
  return {};
}

namespace {

// Zeros for a share of the places, 1 / (1 − share) for the others, 16 bits of chance each.
at::Tensor dropout_mask(const at::Tensor& like, float share, uint64_t seed) {
  at::Tensor mask = at::empty(like.sizes());
  auto* data = mask.mutable_data_ptr<float>();
  const auto border = static_cast<uint64_t>(std::lround(share * 65536));
  const float kept[2] = {0.0F, 65536.0F / static_cast<float>(65536 - border)};
  const uint64_t key = mix64(seed);
  const auto size = static_cast<uint64_t>(mask.numel());
  for (uint64_t i = 0; i < size; i += 4) {
    uint64_t bits = mix64(key + i * kGolden64);
    for (uint64_t k = i; k < std::min(i + 4, size); ++k, bits >>= 16) {
      data[k] = kept[(bits & 0xffff) >= border ? 1 : 0];  // no branch, which would be guessed
    }
  }
  return mask;
}

}  // namespace

TorchNetwork TorchNetwork::replica() const {
  TorchNetwork other;
  other.plan_ = plan_;
  other.parameters_ = parameters_.replica();
  other.statistics_ = statistics_.clone();
  other.bf16_ = bf16_;
  other.statistics_begin_ = statistics_begin_;
  other.first_place_ = first_place_;
  return other;
}

std::vector<at::Tensor> TorchNetwork::forward(const Input& input,
                                              std::optional<uint64_t> seed) const {
  Context context{input, seed.has_value(), {}};
  for (size_t i = 0; i < plan_.spec.ops.size(); ++i) {
    at::Tensor value = compute(i, context);
    const float dropout = plan_.training[i].dropout;
    if (seed && dropout > 0) value = value * dropout_mask(value, dropout, *seed * 4096 + i);
    context.values.push_back(std::move(value));
  }
  std::vector<at::Tensor> outputs;
  for (const Output& output : plan_.spec.outputs)
    outputs.push_back(context.values[output.value].squeeze(1));  // a vector stays [rows × width]
  return outputs;
}

namespace {

void add_to(ArtefactWriter& out, const std::string& name, const at::Tensor& tensor) {
  const at::Tensor plain = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
  const float* data = plain.const_data_ptr<float>();
  std::vector<uint64_t> shape(plain.sizes().begin(), plain.sizes().end());
  out.add(name, std::move(shape), std::vector<float>(data, data + plain.numel()));
}

}  // namespace

// gain (W x + b − mean) / σ + shift is linear itself.
void TorchNetwork::write_normalized(size_t index, ArtefactWriter& out) const {
  const Op& op = plan_.spec.ops[index];
  const at::Tensor mean = statistics_.narrow(0, statistics_begin_[index], op.width);
  const at::Tensor variance = statistics_.narrow(0, statistics_begin_[index] + op.width, op.width);
  const at::Tensor gain = of(op, "gain").detach() / (variance + kNormEpsilon).sqrt();
  add_to(out, op.name + ".weight", of(op, "weight").detach() * gain.unsqueeze(1));
  add_to(out, op.name + ".bias",
         (of(op, "bias").detach() - mean) * gain + of(op, "shift").detach());
}

void TorchNetwork::write(ArtefactWriter& out) const {
  for (size_t i = 0; i < plan_.spec.ops.size(); ++i) {
    if (statistics_begin_[i] >= 0) {
      write_normalized(i, out);
      continue;
    }
    for (size_t place = first_place_[i]; place < first_place_[i + 1]; ++place) {
      const std::string& name = parameters_.places()[place].name;
      add_to(out, name, parameters_[name]);
    }
  }
}

}  // namespace palate
