#include "infer/plain_network.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "math/stored_rows.h"

namespace palate::plain {
namespace {

double activate(double x, Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
  }
  return x;
}

}  // namespace

double table_value(const EmbeddingTable& table, uint32_t id, size_t d) {
  const size_t row = id < table.rows ? id : 0, at = row * table.width + d;
  if (table.type == DType::kF32) return reinterpret_cast<const float*>(table.data)[at];
  if (table.type == DType::kBF16) {
    return from_bf16(reinterpret_cast<const uint16_t*>(table.data)[at]);
  }
  if (table.type == DType::kU8) {
    const auto both = std::to_integer<int>(table.data[row * ((table.width + 1) / 2) + d / 2]);
    const int code = d % 2 == 0 ? both & 15 : both >> 4;
    return code * double{from_bf16(table.steps[2 * row])} + from_bf16(table.steps[2 * row + 1]);
  }
  const auto code = reinterpret_cast<const int8_t*>(table.data)[at];
  return static_cast<float>(code) * table.scale[row];
}

namespace {

class Interpreter {
 public:
  Interpreter(const NetworkWeights& weights, const NetworkRequest& request)
      : weights_(weights), request_(request) {}

  std::vector<Matrix> run() {
    for (size_t i = 0; i < weights_.spec.ops.size(); ++i) {
      op_ = &weights_.spec.ops[i];
      tensors_ = &weights_.ops[i];
      out_ = {request_.candidates, op_->width,
              std::vector<double>(request_.candidates * op_->width)};
      for (row_ = 0; row_ < request_.candidates; ++row_) one_row();
      values_.push_back(std::move(out_));
    }
    return std::move(values_);
  }

 private:
  [[nodiscard]] double x(size_t input, size_t d) const {
    return values_[op_->inputs[input]].at(row_, d);
  }
  [[nodiscard]] size_t inputs() const { return op_->inputs.size(); }
  [[nodiscard]] size_t input_width(size_t i) const { return values_[op_->inputs[i]].width; }
  double& out(size_t d) { return out_.at(row_, d); }

  void one_row() {
    switch (op_->kind) {
      case OpKind::kEmbed:
        return embed();
      case OpKind::kDense:
        return dense();
      case OpKind::kConcat:
        return concat();
      case OpKind::kLinear:
      case OpKind::kLinearBlocks:
        return linear();
      case OpKind::kCross:
      case OpKind::kCrossLowRank:
        return cross();
      case OpKind::kFm:
      case OpKind::kFmWeighted:
        return fm();
      case OpKind::kLayerNorm:
        return layer_norm();
      case OpKind::kBilinear:
        return bilinear();
      case OpKind::kSoftmax:
        return softmax();
      case OpKind::kAttend:
        return attend();
      case OpKind::kGru:
        return gru();
      default:
        for (size_t d = 0; d < op_->width; ++d) out(d) = column(d);
    }
  }

  // Ops whose columns do not know of each other.
  [[nodiscard]] double column(size_t d) const {
    double sum = 0, product = 1, squares = 0;
    switch (op_->kind) {
      case OpKind::kActivate:
        return activate(x(0, d), op_->activation);
      case OpKind::kScale:
        return op_->scale * x(0, d);
      case OpKind::kMultiply:
        for (size_t i = 0; i < inputs(); ++i) product *= x(i, d);
        return product;
      case OpKind::kMix:
        for (size_t i = 1; i < inputs(); ++i) sum += x(0, i - 1) * x(i, d);
        return sum;
      default:  // kAdd, kPairs
        for (size_t i = 0; i < inputs(); ++i) sum += x(i, d), squares += x(i, d) * x(i, d);
        return op_->kind == OpKind::kAdd ? sum : (sum * sum - squares) / 2;
    }
  }

  // The ids of the op's field for this row.
  [[nodiscard]] std::span<const uint32_t> ids() const {
    const bool shared = weights_.spec.sparse[op_->field].owner == FieldOwner::kRequest;
    const SparseValues& values = request_.sparse[op_->field];
    const size_t row = shared ? 0 : row_;
    if (values.offsets.empty()) return values.ids.subspan(row, 1);
    return values.ids.subspan(values.offsets[row], values.offsets[row + 1] - values.offsets[row]);
  }

  void embed() {
    const bool mean = weights_.spec.sparse[op_->field].pooling == Pooling::kMean;
    const auto mine = ids();
    for (const uint32_t id : mine) {
      const auto share = mean ? 1 / static_cast<double>(mine.size()) : 1.0;
      for (size_t d = 0; d < op_->width; ++d) {
        out(d) += share * table_value(weights_.tables[op_->field], id, d);
      }
    }
  }

  // weight · e + bias for the newest ids, the newest first. `weight` is [outs × field's width],
  // `bias` as long or shorter: of the last rows.
  [[nodiscard]] std::vector<std::vector<double>> read_sequence(std::span<const float> bias) const {
    const EmbeddingTable& table = weights_.tables[op_->field];
    const size_t in = table.width, outs = tensors_->weight.size() / in;
    std::vector<std::vector<double>> read;
    const auto mine = ids();
    for (size_t j = 0; j < std::min<size_t>(mine.size(), op_->length); ++j) {
      std::vector<double> one(outs);
      for (size_t o = 0; o < outs; ++o) {
        if (o + bias.size() >= outs) one[o] = bias[o + bias.size() - outs];
        for (size_t d = 0; d < in; ++d) {
          one[o] += double{tensors_->weight[o * in + d]} *
                    table_value(table, mine[mine.size() - 1 - j], d);
        }
      }
      read.push_back(std::move(one));
    }
    return read;
  }

  void attend() {
    const auto read = read_sequence(tensors_->bias);
    const size_t head = op_->width / op_->parts;
    for (size_t h = 0; h < op_->parts && !read.empty(); ++h) {
      std::vector<double> share(read.size());
      double sum = 0;
      for (size_t j = 0; j < read.size(); ++j) {
        double product = 0;
        for (size_t d = h * head; d < (h + 1) * head; ++d) {
          product += (inputs() > 0 ? x(0, d) : double{tensors_->query[d]}) * read[j][d];
        }
        share[j] = product / std::sqrt(static_cast<double>(head)) +
                   tensors_->position[h * op_->length + j];
      }
      const double largest = *std::ranges::max_element(share);
      for (double& one : share) sum += one = std::exp(one - largest);
      for (size_t j = 0; j < read.size(); ++j) {
        for (size_t d = h * head; d < (h + 1) * head; ++d) {
          out(d) += share[j] / sum * read[j][op_->width + d];
        }
      }
    }
  }

  void gru() {
    const size_t width = op_->width;
    const auto read = read_sequence(tensors_->bias.first(3 * width));
    std::vector<double> state(width), inner(3 * width);
    for (size_t j = read.size(); j-- > 0;) {
      for (size_t o = 0; o < 3 * width; ++o) {
        inner[o] = tensors_->bias[3 * width + o];
        for (size_t d = 0; d < width; ++d) inner[o] += tensors_->inner[o * width + d] * state[d];
      }
      for (size_t d = 0; d < width; ++d) {
        const double r = activate(read[j][d] + inner[d], Activation::kSigmoid);
        const double z = activate(read[j][width + d] + inner[width + d], Activation::kSigmoid);
        const double n = std::tanh(read[j][2 * width + d] + r * inner[2 * width + d]);
        state[d] = (1 - z) * n + z * state[d];
      }
    }
    for (size_t d = 0; d < width; ++d) out(d) = state[d];
  }

  void dense() {
    const bool shared = weights_.spec.dense[op_->field].owner == FieldOwner::kRequest;
    const DenseNorm& norm = weights_.norms[op_->field];
    for (size_t d = 0; d < op_->width; ++d) {
      const float value = request_.dense[op_->field][(shared ? 0 : row_) * op_->width + d];
      if (std::isfinite(value)) out(d) = (double{value} - norm.mean[d]) * norm.scale[d];
    }
  }

  void concat() {
    size_t to = 0;
    for (size_t i = 0; i < inputs(); ++i) {
      for (size_t d = 0; d < input_width(i); ++d) out(to++) = x(i, d);
    }
  }

  void linear() {
    const size_t part = op_->kind == OpKind::kLinear ? op_->width : op_->width / op_->parts;
    const size_t in = op_->kind == OpKind::kLinear ? input_width(0) : part;
    for (size_t d = 0; d < op_->width; ++d) {
      double sum = tensors_->bias[d];
      for (size_t e = 0; e < in; ++e) {
        sum += double{tensors_->weight[d * in + e]} * x(0, d / part * in + e);
      }
      out(d) = activate(sum, op_->activation);
    }
  }

  // W y, or U (V y).
  std::vector<double> crossed() {
    const bool low = op_->kind == OpKind::kCrossLowRank;
    const size_t width = op_->width, rank = low ? op_->rank : width;
    std::vector<double> from(rank), product(width);
    for (size_t r = 0; r < rank; ++r) {
      for (size_t e = 0; e < width && low; ++e) {
        from[r] += double{tensors_->inner[r * width + e]} * x(1, e);
      }
      if (!low) from[r] = x(1, r);
    }
    for (size_t d = 0; d < width; ++d) {
      for (size_t r = 0; r < rank; ++r) {
        product[d] += double{tensors_->weight[d * rank + r]} * from[r];
      }
    }
    return product;
  }

  void cross() {
    const std::vector<double> product = crossed();
    for (size_t d = 0; d < op_->width; ++d) {
      out(d) = x(0, d) * (product[d] + tensors_->bias[d]) + x(1, d);
    }
  }

  void fm() {
    for (size_t i = 0; i < inputs(); ++i) {
      for (size_t j = i + 1; j < inputs(); ++j) {
        const double r =
            op_->kind == OpKind::kFm ? 1.0 : double{tensors_->weight[i * inputs() + j]};
        for (size_t d = 0; d < input_width(0); ++d) out(0) += r * x(i, d) * x(j, d);
      }
    }
  }

  void layer_norm() {
    const auto width = static_cast<double>(op_->width);
    double mean = 0, variance = 0;
    for (size_t d = 0; d < op_->width; ++d) mean += x(0, d) / width;
    for (size_t d = 0; d < op_->width; ++d) {
      variance += (x(0, d) - mean) * (x(0, d) - mean) / width;
    }
    for (size_t d = 0; d < op_->width; ++d) {
      out(d) =
          (x(0, d) - mean) / std::sqrt(variance + 1e-5) * tensors_->weight[d] + tensors_->bias[d];
    }
  }

  void bilinear() {
    const size_t a = input_width(0) / op_->parts, b = input_width(1) / op_->parts;
    for (size_t h = 0; h < op_->parts; ++h) {
      for (size_t i = 0; i < a; ++i) {
        for (size_t j = 0; j < b; ++j) {
          out(0) += x(0, h * a + i) * tensors_->weight[(h * a + i) * b + j] * x(1, h * b + j);
        }
      }
    }
  }

  void softmax() {
    double largest = x(0, 0), sum = 0;
    for (size_t d = 1; d < op_->width; ++d) largest = std::max(largest, x(0, d));
    for (size_t d = 0; d < op_->width; ++d) sum += out(d) = std::exp(x(0, d) - largest);
    for (size_t d = 0; d < op_->width; ++d) out(d) /= sum;
  }

  const NetworkWeights& weights_;
  const NetworkRequest& request_;
  std::vector<Matrix> values_;
  const Op* op_ = nullptr;
  const OpTensors* tensors_ = nullptr;
  Matrix out_;
  size_t row_ = 0;
};

}  // namespace

double promised(const Output& output, double value) {
  double x = output.slope * value + output.shift;
  if (output.link == Link::kSigmoid) x = activate(x, Activation::kSigmoid);
  if (output.link == Link::kOrdinal) {
    double level = 1;
    for (const float threshold : output.thresholds) {
      level += activate(x + threshold, Activation::kSigmoid);
    }
    x = level;
  }
  if (output.at.empty()) return x;
  for (size_t i = 0; i < output.at.size(); ++i) {
    if (x > output.at[i]) continue;
    if (i == 0) return output.gives[0];
    const double share = (x - output.at[i - 1]) / (double{output.at[i]} - output.at[i - 1]);
    return output.gives[i - 1] + share * (double{output.gives[i]} - output.gives[i - 1]);
  }
  return output.gives.back();
}

Result<std::vector<Matrix>> run_network(const NetworkWeights& weights,
                                        const NetworkRequest& request) {
  TRY(check_request(weights.spec, request));
  return Interpreter(weights, request).run();
}

Result<std::vector<std::vector<double>>> score_network(const NetworkWeights& weights,
                                                       const NetworkRequest& request) {
  const std::vector<Matrix> values = TRY(run_network(weights, request));
  std::vector<std::vector<double>> out;
  for (const Output& output : weights.spec.outputs) {
    std::vector<double> scores = values[output.value].data;
    for (double& score : scores) score = promised(output, score);
    out.push_back(std::move(scores));
  }
  return out;
}

}  // namespace palate::plain
