// Products of a block with a layer's weights, beside what the core can at best do (see
// bench/infer/peaks.h): flop/s is the counter to look at.
#include <vector>

#include <benchmark/benchmark.h>

#include "infer/product.h"
#include "math/philox.h"

namespace palate {
namespace {

void layer(benchmark::State& state) {
  const auto rows = static_cast<size_t>(state.range(0)), in = static_cast<size_t>(state.range(1)),
             out = static_cast<size_t>(state.range(2));
  Philox random(1);
  FloatTable left(rows * in), result(rows * out);
  std::vector<float> weight(in * out);
  for (float& value : left) value = static_cast<float>(random.normal());
  for (float& value : weight) value = static_cast<float>(random.normal());
  const PackedWeights packed = pack_weights(weight, in, {{0, static_cast<uint32_t>(in)}}, {});
  const Block block{
      rows, {left.data(), in}, result.data(), out, {packed.bias.data(), Activation::kRelu, {}, {}}};
  for (auto _ : state) {
    multiply(packed, block);
    benchmark::DoNotOptimize(result.data());
  }
  state.counters["flop/s"] = benchmark::Counter(2.0 * static_cast<double>(rows * in * out),
                                                benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(layer)
    ->Args({256, 416, 512})
    ->Args({128, 416, 512})
    ->Args({64, 416, 512})
    ->Args({128, 512, 256})
    ->Args({128, 416, 64})
    ->Args({128, 64, 416})
    ->Args({500, 256, 1});

}  // namespace
}  // namespace palate
