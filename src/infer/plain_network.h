// The plain twin of Network: what each op means, in double, a value after the other, nothing shared
// and nothing fused. Slow; for tests, and for trainers that check what they have written.
#pragma once

#include <vector>

#include "infer/network_request.h"
#include "infer/network_weights.h"

namespace palate::plain {

// A row-major matrix of a row per candidate.
struct Matrix {
  size_t rows = 0, width = 0;
  std::vector<double> data;
  [[nodiscard]] double& at(size_t row, size_t column) { return data[row * width + column]; }
  [[nodiscard]] double at(size_t row, size_t column) const { return data[row * width + column]; }
};

// Value d of row `id`, or of row 0 where there is no such row.
double table_value(const EmbeddingTable& table, uint32_t id, size_t d);
// What an output promises for the network's number.
double promised(const Output& output, double value);
// What every op computes, as spec.ops.
Result<std::vector<Matrix>> run_network(const NetworkWeights& weights,
                                        const NetworkRequest& request);
// A list per output with a number (or a vector's numbers) per candidate. Errors of both:
// kInvalidArgument where the request does not fit.
Result<std::vector<std::vector<double>>> score_network(const NetworkWeights& weights,
                                                       const NetworkRequest& request);

}  // namespace palate::plain
