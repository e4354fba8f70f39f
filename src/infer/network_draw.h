// For tests: networks, their tensors and requests, drawn from a seed. Requests hold what hurts:
// bags without ids, ids that no table has, numbers that are not finite.
#pragma once

#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <unistd.h>
#include <vector>

#include <nlohmann/json.hpp>

#include "artefact/artefact.h"
#include "base/check.h"
#include "infer/network_request.h"
#include "infer/quantize_table.h"
#include "math/philox.h"
#include "math/stored_rows.h"

namespace palate {

// A folder that is removed with everything in it.
class TestFolder {
 public:
  TestFolder() {
    std::string name = std::filesystem::temp_directory_path() / "palate-infer-XXXXXX";
    PALATE_CHECK(mkdtemp(name.data()) != nullptr, "a folder for the test");
    path_ = name;
  }
  TestFolder(const TestFolder&) = delete;
  ~TestFolder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Writes tensors for a spec. `edit` may change or drop one before it is written.
class TensorDrawer {
 public:
  struct Drawn {
    std::string name;
    std::vector<uint64_t> shape;
    std::vector<float> values;
  };
  uint64_t seed = 1;
  std::function<bool(Drawn&)> edit = [](Drawn&) { return true; };  // false: it is left out
  // Tables are F32, BF16, I8 and U8 (4 bits) in turn, and every third tensor of ops BF16; 1: all
  // are F32.
  size_t kinds = 4;

  // The artefact stays readable after `folder` is gone.
  Result<std::shared_ptr<const Artefact>> write(const NetworkSpec& spec) {
    const TestFolder folder;
    auto writer = TRY(ArtefactWriter::create(folder.path() / "model"));
    writer.manifest.kind = "test";
    writer.manifest.version = "000001";
    writer.manifest.details_json = R"({"network":)" + spec.to_json() + "}";
    for (size_t f = 0; f < spec.sparse.size(); ++f) table(writer, spec.sparse[f], f);
    for (const DenseField& field : spec.dense) {
      floats(writer, "mean." + field.name, {field.width}, 0.5);
      floats(writer, "scale." + field.name, {field.width}, 0.5);
    }
    for (const Op& op : spec.ops) tensors(writer, spec, op);
    TRY(writer.commit());
    return Artefact::open(folder.path() / "model");
  }

 private:
  Drawn draw(std::string name, std::vector<uint64_t> shape, double deviation) {
    Drawn drawn{std::move(name), std::move(shape), {}};
    size_t count = 1;
    for (const uint64_t size : drawn.shape) count *= size;
    Philox random(seed, next_++);
    for (size_t i = 0; i < count; ++i) {
      drawn.values.push_back(static_cast<float>(random.normal() * deviation));
    }
    return drawn;
  }

  void floats(ArtefactWriter& writer, std::string name, std::vector<uint64_t> shape, double by) {
    Drawn drawn = draw(std::move(name), std::move(shape), by);
    if (!edit(drawn)) return;
    if (kinds > 1 && by_op_ && next_ % 3 == 0) return halves(writer, drawn);
    writer.add(drawn.name, drawn.shape, std::move(drawn.values));
  }

  static void halves(ArtefactWriter& writer, const Drawn& drawn) {
    std::vector<uint16_t> halves;
    for (const float value : drawn.values) halves.push_back(to_bf16(value));
    auto kept = std::make_shared<const std::vector<uint16_t>>(std::move(halves));
    writer.add(drawn.name, DType::kBF16, drawn.shape, std::as_bytes(std::span(*kept)));
    writer.keep(kept);
  }

  void table(ArtefactWriter& writer, const SparseField& field, size_t index) {
    Drawn drawn = draw("table." + field.name, {field.rows, field.width}, 0.5);
    if (!edit(drawn)) return;
    if (index % kinds == 0) return writer.add(drawn.name, drawn.shape, std::move(drawn.values));
    if (index % kinds == 1) return halves(writer, drawn);
    const size_t width = drawn.shape.back();
    if (index % kinds == 3) return int4_table(writer, drawn, field.name);
    auto table = quantize_table(drawn.values, width);
    PALATE_CHECK(table.has_value(), "finite tables are drawn");
    writer.add("table_scale." + field.name, {table->scales.size()}, std::move(table->scales));
    writer.add(drawn.name, drawn.shape, std::move(table->codes));
  }

  static void int4_table(ArtefactWriter& writer, const Drawn& drawn, const std::string& field) {
    const uint64_t rows = drawn.shape[0], width = drawn.shape[1];
    auto table = quantize_table_int4(drawn.values, width);
    PALATE_CHECK(table.has_value(), "finite tables are drawn");
    auto steps = std::make_shared<const std::vector<uint16_t>>(std::move(table->steps));
    writer.add("table_scale." + field, DType::kBF16, {rows, 2}, std::as_bytes(std::span(*steps)));
    writer.keep(steps);
    writer.add(drawn.name, {rows, int4_row_bytes(width)}, std::move(table->codes));
  }

  void tensors(ArtefactWriter& writer, const NetworkSpec& spec, const Op& op) {
    by_op_ = true;
    const auto tensor = [&](const char* which, std::vector<uint64_t> shape, double fan_in) {
      floats(writer, op.name + "." + which, std::move(shape), 1 / std::sqrt(fan_in));
    };
    const auto input = [&](size_t i) { return spec.ops[op.inputs[i]].width; };
    const uint32_t width = op.width, part = width / op.parts;
    switch (op.kind) {
      case OpKind::kLinear:
        tensor("weight", {width, input(0)}, input(0));
        return tensor("bias", {width}, 4);
      case OpKind::kLinearBlocks:
        tensor("weight", {op.parts, part, part}, part);
        return tensor("bias", {width}, 4);
      case OpKind::kCross:
        tensor("weight", {width, width}, width);
        return tensor("bias", {width}, 4);
      case OpKind::kCrossLowRank:
        tensor("u", {width, op.rank}, op.rank);
        tensor("v", {op.rank, width}, width);
        return tensor("bias", {width}, 4);
      case OpKind::kFmWeighted:
        return tensor("weight", {op.inputs.size(), op.inputs.size()}, 4);
      case OpKind::kLayerNorm:
        tensor("gain", {width}, 4);
        return tensor("shift", {width}, 4);
      case OpKind::kBilinear:
        return tensor("weight", {op.parts, input(0) / op.parts, input(1) / op.parts},
                      input(0) * op.parts);
      case OpKind::kAttend:
        tensor("weight", {2 * width, spec.sparse[op.field].width}, 2);
        tensor("bias", {width}, 4);
        if (op.inputs.empty()) tensor("query", {width}, 1);
        return tensor("position", {op.parts, op.length}, 1);
      case OpKind::kGru:
        tensor("weight", {3 * width, spec.sparse[op.field].width}, 2);
        tensor("inner", {3 * width, width}, width);
        return tensor("bias", {2, 3 * width}, 4);
      default:
        return;
    }
  }

  uint64_t next_ = 0;
  bool by_op_ = false;  // what is drawn is an op's
};

// Owns what a NetworkRequest points to.
class DrawnRequest {
 public:
  DrawnRequest(const NetworkSpec& spec, size_t candidates, uint64_t seed)
      : spec_(spec), candidates_(candidates), random_(seed, 1000) {
    for (const SparseField& field : spec.sparse) draw(field);
    for (const DenseField& field : spec.dense) draw(field);
  }

  // Candidates [first, first + count) of it; valid until the next call.
  NetworkRequest part(size_t first, size_t count) {
    sparse_.clear(), dense_.clear(), part_offsets_.assign(spec_.sparse.size(), {});
    for (size_t f = 0; f < spec_.sparse.size(); ++f) {
      const bool own = spec_.sparse[f].owner == FieldOwner::kCandidate;
      const size_t begin = own ? first : 0, rows = own ? count : 1;
      if (offsets_[f].empty()) {
        sparse_.push_back({std::span(ids_[f]).subspan(begin, rows), {}});
        continue;
      }
      const uint32_t from = offsets_[f][begin], to = offsets_[f][begin + rows];
      for (size_t i = begin; i <= begin + rows; ++i) {
        part_offsets_[f].push_back(offsets_[f][i] - from);
      }
      sparse_.push_back({std::span(ids_[f]).subspan(from, to - from), part_offsets_[f]});
    }
    for (size_t f = 0; f < spec_.dense.size(); ++f) {
      const bool own = spec_.dense[f].owner == FieldOwner::kCandidate;
      const size_t width = spec_.dense[f].width;
      dense_.push_back(
          std::span(numbers_[f]).subspan((own ? first : 0) * width, (own ? count : 1) * width));
    }
    return {count, sparse_, dense_};
  }
  NetworkRequest all() { return part(0, candidates_); }

 private:
  void draw(const SparseField& field) {
    const size_t rows = field.owner == FieldOwner::kCandidate ? candidates_ : 1;
    ids_.emplace_back();
    offsets_.emplace_back();
    const bool bags = field.pooling != Pooling::kOne || random_.below(2) == 0;
    if (bags) offsets_.back().push_back(0);
    for (size_t i = 0; i < rows; ++i) {
      const uint32_t most = field.pooling == Pooling::kOne ? 2 : 5;
      uint32_t ids = !bags ? 1 : random_.below(most);
      if (bags && field.pooling == Pooling::kSequence && ids > 0) ids = 1 + random_.below(24);
      for (uint32_t k = 0; k < ids; ++k) {
        const bool unknown = random_.below(8) == 0;
        ids_.back().push_back(unknown ? 0xffffffffU - random_.below(9) : random_.below(field.rows));
      }
      if (bags) offsets_.back().push_back(static_cast<uint32_t>(ids_.back().size()));
    }
  }

  void draw(const DenseField& field) {
    const size_t rows = field.owner == FieldOwner::kCandidate ? candidates_ : 1;
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    constexpr float kOdd[] = {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()};
    numbers_.emplace_back();
    for (size_t i = 0; i < rows * field.width; ++i) {
      const auto usual = static_cast<float>(random_.normal());
      numbers_.back().push_back(random_.below(8) == 0 ? kOdd[random_.below(3)] : usual);
    }
  }

  const NetworkSpec& spec_;
  size_t candidates_;
  Philox random_;
  std::vector<std::vector<uint32_t>> ids_, offsets_, part_offsets_;
  std::vector<std::vector<float>> numbers_;
  std::vector<SparseValues> sparse_;
  std::vector<std::span<const float>> dense_;
};

// Random networks over all ops.
class SpecDrawer {
 public:
  explicit SpecDrawer(uint64_t seed) : random_(seed, 2000) {}

  NetworkSpec draw() {
    const uint32_t width = 2 * (1 + random_.below(12)), fields = 2 + random_.below(4);
    for (uint32_t f = 0; f < fields; ++f) {
      spec_.sparse.push_back({"s" + std::to_string(f), owner(),
                              static_cast<Pooling>(random_.below(3)), 2 + random_.below(40),
                              width});
      add({.kind = OpKind::kEmbed, .width = width, .field = f});
    }
    for (uint32_t f = 0; f < 2; ++f) {
      spec_.sparse.push_back({"q" + std::to_string(f), owner(), Pooling::kSequence,
                              2 + random_.below(40), 1 + random_.below(20)});
    }
    for (uint32_t f = 0; f < 2; ++f) {
      spec_.dense.push_back({"d" + std::to_string(f), owner(), 1 + random_.below(5)});
      add({.kind = OpKind::kDense, .width = spec_.dense.back().width, .field = f});
    }
    const uint32_t ops = 4 + random_.below(10);
    for (uint32_t i = 0; i < ops; ++i) any_op();
    Op all{.kind = OpKind::kConcat};
    for (uint32_t i = 0; i < spec_.ops.size(); ++i) {
      if (random_.below(3) > 0) all.inputs.push_back(i), all.width += spec_.ops[i].width;
    }
    if (all.inputs.empty()) all.inputs.push_back(0), all.width = spec_.ops[0].width;
    const uint32_t concat = add(all);
    for (const char* name : {"first", "second"}) {
      const bool first = std::string(name) == "first";
      const uint32_t from = first ? concat : concat - 1;
      const uint32_t value = add({.kind = OpKind::kLinear, .inputs = {from}, .width = 1});
      spec_.outputs.push_back({name, value, first ? Link::kIdentity : Link::kSigmoid, 0.7F, 0.1F});
    }
    Output& second = spec_.outputs.back();
    if (random_.below(3) == 0) second.link = Link::kOrdinal, second.thresholds = {1.5F, 0, -0.5F};
    if (random_.below(3) == 0) second.at = {0.1F, 0.5F, 0.6F, 2}, second.gives = {0, 0.4F, 0.4F, 1};
    return spec_;
  }

 private:
  FieldOwner owner() { return static_cast<FieldOwner>(random_.below(2)); }

  uint32_t add(Op op) {
    op.name = "op" + std::to_string(spec_.ops.size());
    spec_.ops.push_back(std::move(op));
    return static_cast<uint32_t>(spec_.ops.size() - 1);
  }
  uint32_t any() { return random_.below(static_cast<uint32_t>(spec_.ops.size())); }
  [[nodiscard]] uint32_t width_of(uint32_t value) const { return spec_.ops[value].width; }
  // A few values as wide as `like`, which is one of them.
  std::vector<uint32_t> alike(uint32_t like) {
    std::vector<uint32_t> values{like};
    for (uint32_t i = 0; i < spec_.ops.size() && values.size() < 5; ++i) {
      if (width_of(i) == width_of(like) && random_.below(2) == 0) values.push_back(i);
    }
    return values;
  }
  uint32_t one_like(uint32_t like) { return alike(like).back(); }
  uint32_t parts(uint32_t width) { return width % 2 == 0 && random_.below(2) == 0 ? 2 : 1; }

  void any_op() {
    const uint32_t x = any();
    Op op{.kind = static_cast<OpKind>(2 + random_.below(18)), .inputs = {x}, .width = width_of(x)};
    switch (op.kind) {
      case OpKind::kConcat:
        op.inputs.push_back(any());
        op.width += width_of(op.inputs[1]);
        break;
      case OpKind::kLinear:
        op.width = 1 + random_.below(40);
        op.activation = static_cast<Activation>(random_.below(5));
        break;
      case OpKind::kLinearBlocks:
        op.parts = parts(op.width);
        op.activation = static_cast<Activation>(random_.below(5));
        break;
      case OpKind::kActivate:
        op.activation = static_cast<Activation>(random_.below(5));
        break;
      case OpKind::kScale:
        op.scale = 0.25F * static_cast<float>(random_.below(9));
        break;
      case OpKind::kCross:
      case OpKind::kCrossLowRank:
        op.inputs.push_back(one_like(x));
        if (op.kind == OpKind::kCrossLowRank) op.rank = 1 + random_.below(20);
        break;
      case OpKind::kBilinear:
        op.inputs.push_back(any());
        op.parts = parts(width_of(x) | width_of(op.inputs[1]));
        op.width = 1;
        break;
      case OpKind::kMix:
        op.inputs = alike(x);
        op.inputs.insert(op.inputs.begin(), weights(op.inputs));
        break;
      case OpKind::kAttend:
      case OpKind::kGru:
        read_sequence(op);
        break;
      case OpKind::kSoftmax:
      case OpKind::kLayerNorm:
        break;
      default:  // over several of one width
        op.inputs = alike(x);
        if (op.kind == OpKind::kFm || op.kind == OpKind::kFmWeighted) op.width = 1;
    }
    add(op);
  }

  // The last two fields of ids are sequences.
  void read_sequence(Op& op) {
    op.field = static_cast<uint32_t>(spec_.sparse.size()) - 1 - random_.below(2);
    op.length = 1 + random_.below(20);
    if (op.kind == OpKind::kAttend) op.parts = parts(op.width);
    const bool asked = op.kind == OpKind::kAttend && random_.below(3) > 0;
    if (!asked) op.inputs.clear(), op.width = op.parts * (1 + random_.below(20));
  }

  // A value with a column for each of `values`.
  uint32_t weights(const std::vector<uint32_t>& values) {
    return add({.kind = OpKind::kLinear,
                .inputs = {any()},
                .width = static_cast<uint32_t>(values.size())});
  }

  Philox random_;
  NetworkSpec spec_;
};

}  // namespace palate
