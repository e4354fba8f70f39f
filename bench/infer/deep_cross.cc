#include "deep_cross.h"

#include <cmath>
#include <vector>

#include "artefact/artefact.h"
#include "math/philox.h"

using palate::Activation;
using palate::Op;
using palate::OpKind;

palate::NetworkSpec deep_cross(const DeepCross& shape) {
  constexpr uint32_t kWidth = kFields * kFieldWidth, kRank = 64, kCrosses = 3;
  palate::NetworkSpec spec;
  Op concat{.kind = OpKind::kConcat, .name = "x", .width = kWidth};
  for (uint32_t f = 0; f < kFields; ++f) {
    const bool own = f >= kRequestFields;
    const std::string name = (own ? "item" : "user") + std::to_string(f);
    spec.sparse.push_back({name,
                           own ? palate::FieldOwner::kCandidate : palate::FieldOwner::kRequest,
                           palate::Pooling::kOne, shape.rows, kFieldWidth});
    spec.ops.push_back(
        {.kind = OpKind::kEmbed, .name = "embed_" + name, .width = kFieldWidth, .field = f});
    concat.inputs.push_back(f);
  }
  spec.ops.push_back(concat);
  const auto last = [&] { return static_cast<uint32_t>(spec.ops.size() - 1); };
  const uint32_t x = last();
  for (uint32_t i = 0; i < kCrosses; ++i) {
    spec.ops.push_back({.kind = OpKind::kCrossLowRank,
                        .name = "cross" + std::to_string(i),
                        .inputs = {x, last()},
                        .width = kWidth,
                        .rank = kRank});
  }
  const uint32_t crossed = last();
  const auto linear = [&](const char* name, uint32_t from, uint32_t width, Activation activation) {
    spec.ops.push_back({.kind = OpKind::kLinear,
                        .name = name,
                        .inputs = {from},
                        .width = width,
                        .activation = activation});
  };
  const bool stacked = shape.topology == Topology::kStacked;
  linear("hidden0", stacked ? crossed : x, 512, Activation::kRelu);
  linear("hidden1", last(), 256, Activation::kRelu);
  if (!stacked) {
    spec.ops.push_back({.kind = OpKind::kConcat,
                        .name = "both",
                        .inputs = {crossed, last()},
                        .width = kWidth + 256});
  }
  linear("out", last(), 1, Activation::kNone);
  spec.outputs = {{"click", last(), palate::Link::kSigmoid, 1, 0}};
  return spec;
}

palate::NetworkSpec large_table(uint32_t rows) {
  palate::NetworkSpec spec;
  spec.sparse = {{"item", palate::FieldOwner::kCandidate, palate::Pooling::kOne, rows, 32}};
  spec.ops = {{.kind = OpKind::kEmbed, .name = "embed_item", .width = 32}};
  for (const uint32_t width : {128U, 64U, 1U}) {
    const auto from = static_cast<uint32_t>(spec.ops.size() - 1);
    spec.ops.push_back({.kind = OpKind::kLinear,
                        .name = "hidden" + std::to_string(width),
                        .inputs = {from},
                        .width = width,
                        .activation = width > 1 ? Activation::kRelu : Activation::kNone});
  }
  spec.outputs = {{"click", 3, palate::Link::kSigmoid, 1, 0}};
  return spec;
}

namespace {

class Writer {
 public:
  explicit Writer(palate::ArtefactWriter& to) : to_(to) {}
  void add(const std::string& name, std::vector<uint64_t> shape, double deviation) {
    size_t count = 1;
    for (const uint64_t size : shape) count *= size;
    std::vector<float> values(count);
    palate::Philox random(9, next_++);
    const double width = deviation * std::sqrt(12.0);  // uniform: quick to draw, no outliers
    for (float& value : values) value = static_cast<float>((random.uniform() - 0.5) * width);
    to_.add(name, std::move(shape), std::move(values));
  }

 private:
  palate::ArtefactWriter& to_;
  uint64_t next_ = 0;
};

}  // namespace

palate::Status write_large_table(uint32_t rows, const std::filesystem::path& path) {
  const palate::NetworkSpec spec = large_table(rows);
  auto artefact = TRY(palate::ArtefactWriter::create(path));
  artefact.manifest.kind = "bench";
  artefact.manifest.version = "000001";
  artefact.manifest.details_json = R"({"network":)" + spec.to_json() + "}";
  std::vector<int8_t> codes(size_t{rows} * 32);
  uint64_t state = 1;
  for (int8_t& code : codes) {  // an LCG: 3.2 GB of them in seconds
    state = state * 6364136223846793005U + 1442695040888963407U;
    code = static_cast<int8_t>(state >> 56);
  }
  artefact.add("table.item", {rows, 32}, std::move(codes));
  artefact.add("table_scale.item", {rows}, std::vector<float>(rows, 0.01F));
  Writer writer(artefact);
  for (size_t i = 1; i < spec.ops.size(); ++i) {
    const uint64_t in = spec.ops[i - 1].width, out = spec.ops[i].width;
    writer.add(spec.ops[i].name + ".weight", {out, in}, 1 / std::sqrt(in));
    writer.add(spec.ops[i].name + ".bias", {out}, 0.1);
  }
  return artefact.commit();
}

palate::Status write_deep_cross(const DeepCross& shape, const std::filesystem::path& path) {
  const palate::NetworkSpec spec = deep_cross(shape);
  auto artefact = TRY(palate::ArtefactWriter::create(path));
  artefact.manifest.kind = "bench";
  artefact.manifest.version = "000001";
  artefact.manifest.details_json = R"({"network":)" + spec.to_json() + "}";
  Writer writer(artefact);
  for (const auto& field : spec.sparse) {
    writer.add("table." + field.name, {field.rows, field.width}, 0.5);
  }
  for (const Op& op : spec.ops) {
    if (op.kind == OpKind::kCrossLowRank) {
      writer.add(op.name + ".u", {op.width, op.rank}, 1 / std::sqrt(op.rank));
      writer.add(op.name + ".v", {op.rank, op.width}, 1 / std::sqrt(op.width));
      writer.add(op.name + ".bias", {op.width}, 0.1);
    } else if (op.kind == OpKind::kLinear) {
      const uint64_t in = spec.ops[op.inputs[0]].width;
      writer.add(op.name + ".weight", {op.width, in}, 1 / std::sqrt(in));
      writer.add(op.name + ".bias", {op.width}, 0.1);
    }
  }
  return artefact.commit();
}
