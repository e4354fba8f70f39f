#include "infer/network_weights.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "artefact/safetensors.h"
#include "infer/quantize_table.h"
#include "math/stored_rows.h"

namespace palate {
namespace {

std::string text_of(std::span<const uint64_t> shape) {
  std::string out;
  for (const uint64_t size : shape) out += (out.empty() ? "" : " × ") + std::to_string(size);
  return "[" + out + "]";
}

class Reader {
 public:
  explicit Reader(NetworkWeights& weights) : weights_(weights) {}

  Status run() {
    for (const SparseField& field : weights_.spec.sparse) TRY(table(field));
    for (const DenseField& field : weights_.spec.dense) {
      const auto mean = TRY(floats("mean." + field.name, {field.width}));
      weights_.norms.push_back({mean, TRY(floats("scale." + field.name, {field.width}))});
    }
    for (const Op& op : weights_.spec.ops) weights_.ops.push_back(TRY(tensors(op)));
    return {};
  }

 private:
  // Errors: kCorrupt where it is absent.
  [[nodiscard]] Result<const TensorView*> find(const std::string& name) const {
    const auto all = weights_.artefact->tensors();
    const auto at = std::ranges::lower_bound(all, name, {}, &NamedTensor::name);
    if (at == all.end() || at->name != name) {
      return fail(Code::kCorrupt, "network: there is no tensor '{}'", name);
    }
    return &at->view;
  }

  // Errors: kCorrupt where it is absent, or of another shape.
  [[nodiscard]] Result<const TensorView*> find(const std::string& name,
                                               const std::vector<uint64_t>& shape) const {
    const TensorView* view = TRY(find(name));
    if (view->shape == shape) return view;
    return fail(Code::kCorrupt, "network: tensor '{}' is {}, not {}", name, text_of(view->shape),
                text_of(shape));
  }

  static Status check_type(const std::string& name, const TensorView& view, DType type) {
    if (view.type == type) return {};
    return fail(Code::kCorrupt, "network: tensor '{}' is of {}, not {}", name,
                dtype_name(view.type), dtype_name(type));
  }

  [[nodiscard]] std::span<const float> widen(const TensorView& view) {
    const std::span halves(reinterpret_cast<const uint16_t*>(view.bytes.data()),
                           view.bytes.size() / sizeof(uint16_t));
    FloatTable& values = weights_.widened.emplace_back(halves.size());
    std::ranges::transform(halves, values.begin(), from_bf16);
    return values;
  }

  [[nodiscard]] Result<std::span<const float>> floats(const std::string& name,
                                                      const std::vector<uint64_t>& shape) {
    const TensorView* view = TRY(find(name, shape));
    std::span<const float> values;
    if (view->type == DType::kBF16) {
      values = widen(*view);
    } else {
      TRY(check_type(name, *view, DType::kF32));
      values = {reinterpret_cast<const float*>(view->bytes.data()),
                view->bytes.size() / sizeof(float)};
    }
    const auto odd = std::ranges::find_if(values, [](float x) { return !std::isfinite(x); });
    if (odd == values.end()) return values;
    return fail(Code::kCorrupt, "network: tensor '{}' holds {} at {}", name, *odd,
                odd - values.begin());
  }

  Status table(const SparseField& field) {
    const std::string name = "table." + field.name;
    const std::string scale = "table_scale." + field.name;
    const DType type = TRY(find(name))->type;
    const uint64_t columns = type == DType::kU8 ? int4_row_bytes(field.width) : field.width;
    const TensorView* view = TRY(find(name, {field.rows, columns}));
    EmbeddingTable table{
        .type = type, .data = view->bytes.data(), .rows = field.rows, .width = field.width};
    if (type == DType::kI8) {
      const TensorView* scales = TRY(find(scale, {field.rows}));
      TRY(check_type(scale, *scales, DType::kF32));
      table.scale = reinterpret_cast<const float*>(scales->bytes.data());
    } else if (type == DType::kU8) {
      const TensorView* steps = TRY(find(scale, {field.rows, 2}));
      TRY(check_type(scale, *steps, DType::kBF16));
      table.steps = reinterpret_cast<const uint16_t*>(steps->bytes.data());
    } else if (type != DType::kF32 && type != DType::kBF16) {
      return fail(Code::kCorrupt, "network: tensor '{}' is of {}, not F32, BF16, I8 or U8", name,
                  dtype_name(type));
    }
    weights_.tables.push_back(table);
    return {};
  }

  [[nodiscard]] Result<OpTensors> tensors(const Op& op) {
    const auto tensor = [&](std::string_view which, const std::vector<uint64_t>& shape) {
      return floats(op.name + "." + std::string(which), shape);
    };
    const auto input = [&](size_t i) { return uint64_t{weights_.spec.ops[op.inputs[i]].width}; };
    const uint64_t width = op.width, part = width / op.parts, inputs = op.inputs.size();
    switch (op.kind) {
      case OpKind::kLinear:
        return OpTensors{
            TRY(tensor("weight", {width, input(0)})), {}, TRY(tensor("bias", {width}))};
      case OpKind::kLinearBlocks:
        return OpTensors{
            TRY(tensor("weight", {op.parts, part, part})), {}, TRY(tensor("bias", {width}))};
      case OpKind::kCross:
        return OpTensors{TRY(tensor("weight", {width, width})), {}, TRY(tensor("bias", {width}))};
      case OpKind::kCrossLowRank:
        return OpTensors{TRY(tensor("u", {width, op.rank})), TRY(tensor("v", {op.rank, width})),
                         TRY(tensor("bias", {width}))};
      case OpKind::kFmWeighted:
        return OpTensors{TRY(tensor("weight", {inputs, inputs})), {}, {}};
      case OpKind::kLayerNorm:
        return OpTensors{TRY(tensor("gain", {width})), {}, TRY(tensor("shift", {width}))};
      case OpKind::kBilinear:
        return OpTensors{
            TRY(tensor("weight", {op.parts, input(0) / op.parts, input(1) / op.parts})), {}, {}};
      case OpKind::kGru:
        return OpTensors{TRY(tensor("weight", {3 * width, field_width(op)})),
                         TRY(tensor("inner", {3 * width, width})),
                         TRY(tensor("bias", {2, 3 * width}))};
      case OpKind::kAttend: {
        OpTensors all{TRY(tensor("weight", {2 * width, field_width(op)})),
                      {},
                      TRY(tensor("bias", {width})),
                      TRY(tensor("position", {op.parts, op.length}))};
        if (op.inputs.empty()) all.query = TRY(tensor("query", {width}));
        return all;
      }
      default:
        return OpTensors{};
    }
  }

  [[nodiscard]] uint64_t field_width(const Op& op) const {
    return weights_.spec.sparse[op.field].width;
  }

  NetworkWeights& weights_;
};

Result<nlohmann::json> details_of(const Artefact& artefact) {
  auto details = nlohmann::json::parse(artefact.manifest().details_json, nullptr, false);
  if (details.is_object() && details.contains("network")) return details;
  return fail(Code::kCorrupt, "{}: network: the manifest's details have no 'network'",
              artefact.path().string());
}

Result<Precision> layers_of(const nlohmann::json& details) {
  if (!details.contains("layers")) return Precision::kF32;
  const auto& name = details["layers"];
  const auto known = parse_precision(name.is_string() ? name.get<std::string>() : name.dump());
  if (known && *known != Precision::kInt4) return *known;
  return fail(Code::kCorrupt, "network: layers are in {}, not \"fp32\", \"bf16\" or \"int8\"",
              name.dump());
}

}  // namespace

Result<NetworkSpec> network_spec_of(const Artefact& artefact) {
  return NetworkSpec::from_json(TRY(details_of(artefact))["network"].dump());
}

Result<NetworkWeights> NetworkWeights::read(std::shared_ptr<const Artefact> artefact) {
  const nlohmann::json details = TRY(details_of(*artefact));
  NetworkWeights weights;
  weights.spec = TRY(NetworkSpec::from_json(details["network"].dump()));
  weights.layers = TRY(layers_of(details));
  weights.artefact = std::move(artefact);
  TRY(Reader(weights).run());
  return weights;
}

}  // namespace palate
