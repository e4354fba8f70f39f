// What LibTorch computes while training is what is served: random networks over all ops, written by
// TorchNetwork, read by the plain twin and by the engine.
#include <cmath>
#include <filesystem>

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "infer/network.h"
#include "infer/network_draw.h"
#include "infer/plain_network.h"
#include "learn/torch_network.h"

namespace palate {
namespace {

constexpr size_t kCandidates = 37;
constexpr double kTolerance = 1e-4;  // relative to the largest number of an op

void randomize(const at::Tensor& tensor, uint64_t seed, bool positive = false) {
  Philox random(seed, 9);
  auto* data = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    data[i] = static_cast<float>(positive ? 0.2 + random.uniform() : 0.4 * random.normal());
  }
}

void add_drawn(ArtefactWriter& out, const std::string& name, std::vector<uint64_t> shape,
               uint64_t seed) {
  size_t size = 1;
  for (const uint64_t one : shape) size *= one;
  std::vector<float> values(size);
  Philox random(seed, std::hash<std::string>()(name));
  for (float& value : values) value = static_cast<float>(random.normal());
  out.add(name, std::move(shape), std::move(values));
}

TrainableNetwork with_norms(NetworkSpec spec, uint64_t seed) {
  TrainableNetwork plan{.spec = std::move(spec), .training = {}};
  Philox random(seed, 5);
  for (const Op& op : plan.spec.ops) {
    plan.training.push_back(
        {.batch_norm = op.kind == OpKind::kLinear && random.below(2) == 0, .dropout = 0.5F});
  }
  return plan;
}

// As a trainer writes it: what TorchNetwork has, beside tables and scales.
std::shared_ptr<const Artefact> written(const TorchNetwork& network, uint64_t seed) {
  const TestFolder folder;
  const NetworkSpec& spec = network.spec();
  auto out = ArtefactWriter::create(folder.path() / "network").value();
  out.manifest.kind = "network";
  out.manifest.version = "000001";
  out.manifest.details_json =
      nlohmann::json{{"network", nlohmann::json::parse(spec.to_json())}}.dump();
  for (const SparseField& field : spec.sparse)
    add_drawn(out, "table." + field.name, {field.rows, field.width}, seed);
  for (const DenseField& field : spec.dense) {
    add_drawn(out, "mean." + field.name, {field.width}, seed);
    add_drawn(out, "scale." + field.name, {field.width}, seed);
  }
  network.write(out);
  EXPECT_TRUE(out.commit());
  return Artefact::open(folder.path() / "network").value();
}

// A value of the plain twin with a row per candidate.
at::Tensor tensor_of(const plain::Matrix& value) {
  at::Tensor out =
      at::empty({static_cast<int64_t>(kCandidates), static_cast<int64_t>(value.width)});
  auto* data = out.mutable_data_ptr<float>();
  for (size_t row = 0; row < kCandidates; ++row) {
    for (size_t i = 0; i < value.width; ++i) {
      data[row * value.width + i] = static_cast<float>(value.at(value.rows == 1 ? 0 : row, i));
    }
  }
  return out;
}

// Rows of a sequence's table (F32), one id after the other, the request's for every candidate.
void read_sequences(const NetworkWeights& weights, const NetworkRequest& request, size_t f,
                    TorchNetwork::Input& input) {
  const EmbeddingTable& table = weights.tables[f];
  const auto& [ids, offsets] = request.sparse[f];
  const bool own = weights.spec.sparse[f].owner == FieldOwner::kCandidate;
  std::vector<float> rows;
  input.start[f] = {0};
  for (size_t row = 0; row < kCandidates; ++row) {
    const size_t at = own ? row : 0;
    const size_t begin = offsets.empty() ? at : offsets[at];
    const size_t end = offsets.empty() ? at + 1 : offsets[at + 1];
    for (size_t i = begin; i < end; ++i) {
      const auto* data = reinterpret_cast<const float*>(table.data);
      const float* from = data + size_t{ids[i] < table.rows ? ids[i] : 0} * table.width;
      rows.insert(rows.end(), from, from + table.width);
    }
    input.start[f].push_back(static_cast<uint32_t>(rows.size() / table.width));
  }
  input.embedded[f] = at::tensor(rows).view({-1, static_cast<int64_t>(table.width)});
}

// Gathered and normalized by the plain twin: what goes into both is the same.
TorchNetwork::Input input_of(const NetworkWeights& weights, const NetworkRequest& request,
                             const std::vector<plain::Matrix>& values) {
  const NetworkSpec& spec = weights.spec;
  TorchNetwork::Input input;
  input.embedded.resize(spec.sparse.size());
  input.start.resize(spec.sparse.size());
  for (size_t f = 0; f < spec.sparse.size(); ++f) {
    if (spec.sparse[f].pooling == Pooling::kSequence) read_sequences(weights, request, f, input);
  }
  input.dense.resize(spec.dense.size());
  for (size_t i = 0; i < spec.ops.size(); ++i) {
    const Op& op = spec.ops[i];
    if (op.kind == OpKind::kEmbed) input.embedded[op.field] = tensor_of(values[i]);
    if (op.kind == OpKind::kDense) input.dense[op.field] = tensor_of(values[i]);
  }
  return input;
}

TEST(Parity, RandomNetworksAreServedAsTheyWereTrained) {
  at::set_num_threads(1);
  const c10::NoGradGuard no_gradients;
  size_t norms = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    const NetworkSpec spec = SpecDrawer(seed).draw();
    const TorchNetwork network(with_norms(spec, seed), seed);
    // Around their first values, which keep a deep network's numbers within reach of fp32.
    const at::Tensor around = at::empty_like(network.parameters().flat());
    randomize(around, seed);
    network.parameters().flat().add_(around, 0.2);
    randomize(network.statistics(), seed, /*positive=*/true);
    norms += network.statistics().numel() > 0 ? 1 : 0;
    const auto artefact = written(network, seed);
    const auto weights = NetworkWeights::read(artefact);
    ASSERT_TRUE(weights) << weights.error().message;
    DrawnRequest request(spec, kCandidates, seed);
    const auto values = plain::run_network(*weights, request.all()).value();
    const auto got = network.forward(input_of(*weights, request.all(), values), std::nullopt);

    std::vector<std::vector<float>> served(spec.outputs.size(), std::vector<float>(kCandidates));
    const std::vector<std::span<float>> outputs(served.begin(), served.end());
    NetworkScratch scratch;
    ASSERT_TRUE(Network::load(artefact).value()->score(request.all(), outputs, scratch));
    for (size_t i = 0; i < got.size(); ++i) {
      const plain::Matrix& want = values[spec.outputs[i].value];
      const at::Tensor plain = got[i].contiguous();
      double largest = 1;
      for (const double value : want.data) largest = std::max(largest, std::abs(value));
      for (size_t row = 0; row < kCandidates; ++row) {
        const double torch = plain.const_data_ptr<float>()[row];
        ASSERT_NEAR(torch, want.at(want.rows == 1 ? 0 : row, 0), kTolerance * largest);
        ASSERT_NEAR(served[i][row], plain::promised(spec.outputs[i], torch),
                    4 * kTolerance * largest);
      }
    }
  }
  EXPECT_GT(norms, 100U);
}

// Every op has the gradient that its values have: central differences on a few parameters each.
TEST(TorchNetwork, GradientsAreThoseOfItsValues) {
  at::set_num_threads(1);
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    const NetworkSpec spec = SpecDrawer(seed).draw();
    TrainableNetwork plan{.spec = spec, .training = std::vector<OpTraining>(spec.ops.size())};
    TorchNetwork network(plan, seed);
    TorchNetwork::Input input;
    for (const SparseField& field : spec.sparse) {
      input.start.emplace_back();
      if (field.pooling == Pooling::kSequence) input.start.back() = {0, 3, 3, 10, 11};
      input.embedded.push_back(at::empty({input.start.back().empty() ? 4 : 11, field.width}));
    }
    for (const DenseField& field : spec.dense) input.dense.push_back(at::empty({4, field.width}));
    uint64_t stream = seed;
    for (auto* tensors : {&input.embedded, &input.dense}) {
      for (const at::Tensor& one : *tensors) randomize(one, ++stream * 1000);
    }
    const auto loss = [&] { return network.forward(input, uint64_t{1})[0].tanh().sum(); };
    network.parameters().zero_gradients();
    loss().backward();
    const at::Tensor gradients = network.parameters().gradients().clone();
    const c10::NoGradGuard no_gradients;
    auto* weights = network.parameters().flat().mutable_data_ptr<float>();
    Philox random(seed, 3);
    size_t off = 0, looked = 0;
    for (int i = 0; i < 20; ++i) {
      const uint32_t at = random.below(static_cast<uint32_t>(gradients.numel()));
      const float kept = weights[at], step = 2e-3F;
      weights[at] = kept + step;
      const auto above = loss().item<double>();
      weights[at] = kept - step;
      const auto below = loss().item<double>();
      weights[at] = kept;
      const double want = (above - below) / (2 * step), has = gradients.const_data_ptr<float>()[at];
      ++looked;
      if (std::abs(want - has) > 0.02 * std::max({1.0, std::abs(want), std::abs(has)})) ++off;
    }
    EXPECT_LE(off, looked / 10);  // a relu may have its kink between the two
  }
}

// A share is zeroed, the rest scaled up so that sums stay; the same for one seed, another for
// others, and nothing where it is not training.
TEST(TorchNetwork, DropoutIsAShareThatTheSeedChooses) {
  at::set_num_threads(1);
  constexpr int64_t kRows = 400, kWidth = 100;
  TrainableNetwork plan;
  plan.spec.dense = {{.name = "x", .width = kWidth}};
  plan.spec.ops = {
      {.kind = OpKind::kDense, .name = "in", .width = kWidth},
      {.kind = OpKind::kScale, .name = "out", .inputs = {0}, .width = kWidth, .scale = 1},
      {.kind = OpKind::kLinear, .name = "sum", .inputs = {1}, .width = 1}};
  plan.spec.outputs = {{.name = "y", .value = 2}};
  plan.training = {{}, {.dropout = 0.3F}, {}};
  TorchNetwork network(plan, 1);
  const c10::NoGradGuard no_gradients;
  network.parameters().flat().fill_(0);
  network.parameters().flat().narrow(0, 0, kWidth).fill_(1.0 / kWidth);
  const TorchNetwork::Input ones{.embedded = {}, .dense = {at::ones({kRows, kWidth})}};
  const at::Tensor still = network.forward(ones, std::nullopt)[0];
  EXPECT_TRUE(at::allclose(still, at::ones({kRows})));
  const at::Tensor first = network.forward(ones, 7)[0], again = network.forward(ones, 7)[0];
  EXPECT_TRUE(at::equal(first, again));
  EXPECT_FALSE(at::equal(first, network.forward(ones, 8)[0]));
  EXPECT_NEAR(first.mean().item<double>(), 1, 0.02);
  // Of a row's 100 places each counts 1 / 0.7 with probability 0.7: the variance of their mean.
  EXPECT_NEAR(first.var().item<double>(), 0.3 / 0.7 / kWidth, 0.001);
}

}  // namespace
}  // namespace palate
