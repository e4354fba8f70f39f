#include "infer/narrow.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "artefact/safetensors.h"
#include "infer/network_weights.h"
#include "infer/plain_network.h"
#include "infer/quantize_table.h"
#include "math/stored_rows.h"

namespace palate {
namespace {

// Tensors of one network into an artefact.
class Narrower {
 public:
  Narrower(const NetworkWeights& weights, const NarrowOptions& options, ArtefactWriter& out)
      : weights_(weights), options_(options), out_(out) {}

  Result<std::vector<NarrowedTable>> run() {
    std::vector<NarrowedTable> tables;
    std::vector<std::string> of_tables;
    for (size_t f = 0; f < weights_.spec.sparse.size(); ++f) {
      tables.push_back(TRY(table(weights_.spec.sparse[f].name, weights_.tables[f])));
      of_tables.push_back("table." + tables.back().field);
    }
    for (const NamedTensor& tensor : weights_.artefact->tensors()) {
      if (std::ranges::count(of_tables, tensor.name) > 0) continue;
      const bool matrix = tensor.view.type == DType::kF32 && tensor.view.shape.size() > 1;
      if (matrix && options_.layers == Precision::kBf16 && is_of_op(tensor.name)) {
        halves(tensor.name, tensor.view.shape, floats_of(tensor.view));
      } else {
        out_.add(tensor.name, tensor.view.type, tensor.view.shape, tensor.view.bytes);
      }
    }
    return tables;
  }

 private:
  static std::span<const float> floats_of(const TensorView& view) {
    return {reinterpret_cast<const float*>(view.bytes.data()), view.bytes.size() / sizeof(float)};
  }

  [[nodiscard]] bool is_of_op(std::string_view tensor) const {
    const std::string_view op = tensor.substr(0, tensor.rfind('.'));
    return std::ranges::find(weights_.spec.ops, op, &Op::name) != weights_.spec.ops.end();
  }

  void halves(const std::string& name, std::vector<uint64_t> shape, std::span<const float> values) {
    auto kept = std::make_shared<std::vector<uint16_t>>(values.size());
    std::ranges::transform(values, kept->begin(), to_bf16);
    out_.add(name, DType::kBF16, std::move(shape), std::as_bytes(std::span(*kept)));
    out_.keep(std::move(kept));
  }

  Result<NarrowedTable> table(const std::string& field, const EmbeddingTable& from) {
    const std::string name = "table." + field, scale = "table_scale." + field;
    const uint64_t rows = from.rows, width = from.width;
    const std::span values(reinterpret_cast<const float*>(from.data), rows * width);
    EmbeddingTable kept = from;
    uint64_t row_bytes = width * sizeof(float);
    if (options_.tables == Precision::kF32) {
      out_.add(name, {rows, width}, values);
    } else if (options_.tables == Precision::kBf16) {
      row_bytes = width * sizeof(uint16_t);
      auto halves = std::make_shared<std::vector<uint16_t>>(values.size());
      std::ranges::transform(values, halves->begin(), to_bf16);
      kept.type = DType::kBF16;
      kept.data = add(name, DType::kBF16, {rows, width}, std::move(halves));
    } else if (options_.tables == Precision::kInt8) {
      row_bytes = width + kRowScaleBytes;
      Int8Table codes = TRY(quantize_table(values, width));
      kept.type = DType::kI8;
      kept.data = add(name, DType::kI8, {rows, width}, shared(std::move(codes.codes)));
      kept.scale = reinterpret_cast<const float*>(
          add(scale, DType::kF32, {rows}, shared(std::move(codes.scales))));
    } else {
      row_bytes = int4_row_bytes(width) + kRowScaleBytes;
      Int4Table codes = TRY(quantize_table_int4(values, width));
      kept.type = DType::kU8;
      kept.data =
          add(name, DType::kU8, {rows, int4_row_bytes(width)}, shared(std::move(codes.codes)));
      kept.steps = reinterpret_cast<const uint16_t*>(
          add(scale, DType::kBF16, {rows, 2}, shared(std::move(codes.steps))));
    }
    return NarrowedTable{field, off(values, kept), rows * row_bytes};
  }

  template <class T>
  static std::shared_ptr<std::vector<T>> shared(std::vector<T> values) {
    return std::make_shared<std::vector<T>>(std::move(values));
  }
  template <class T>
  const std::byte* add(const std::string& name, DType type, std::vector<uint64_t> shape,
                       std::shared_ptr<std::vector<T>> values) {
    const std::span bytes = std::as_bytes(std::span(*values));
    out_.add(name, type, std::move(shape), bytes);
    out_.keep(std::move(values));
    return bytes.data();
  }

  static double off(std::span<const float> values, const EmbeddingTable& kept) {
    double squares = 0, off = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const auto row = static_cast<uint32_t>(i / kept.width);
      const double by = plain::table_value(kept, row, i % kept.width) - values[i];
      squares += double{values[i]} * values[i];
      off += by * by;
    }
    return squares > 0 ? std::sqrt(off / squares) : 0;
  }

  const NetworkWeights& weights_;
  NarrowOptions options_;
  ArtefactWriter& out_;
};

bool is_fp32(const NetworkWeights& weights) {
  return weights.layers == Precision::kF32 && weights.widened.empty() &&
         std::ranges::all_of(weights.tables,
                             [](const EmbeddingTable& table) { return table.type == DType::kF32; });
}

}  // namespace

Result<std::vector<NarrowedTable>> narrow_network(const std::shared_ptr<const Artefact>& from,
                                                  const NarrowOptions& options,
                                                  ArtefactWriter& out) {
  if (options.layers == Precision::kInt4) {
    return fail(Code::kInvalidArgument, "layers are not kept in int4, which is for tables");
  }
  const NetworkWeights weights = TRY(NetworkWeights::read(from));
  if (!is_fp32(weights)) {
    return fail(Code::kInvalidArgument, "{} is not in fp32: narrow what it was made of",
                from->path().string());
  }
  nlohmann::json details = nlohmann::json::parse(from->manifest().details_json);
  details["layers"] = precision_name(options.layers);
  out.manifest.details_json = details.dump();
  out.keep(from);
  return Narrower(weights, options, out).run();
}

}  // namespace palate
