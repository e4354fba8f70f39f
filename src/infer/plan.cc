#include "infer/plan.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace palate {
namespace {

constexpr uint32_t kNowhere = std::numeric_limits<uint32_t>::max();

class Planner {
 public:
  Planner(const NetworkWeights& weights, const PlanOptions& options)
      : weights_(weights), spec_(weights.spec), options_(options) {}

  Plan run() {
    find_live();
    find_shared();
    find_places();
    for (op_ = 0; op_ < spec_.ops.size(); ++op_) {
      if (live_[op_]) emit();
    }
    for (const Output& output : spec_.outputs) plan_.outputs.push_back(places_[output.value]);
    place_all();
    return std::move(plan_);
  }

 private:
  [[nodiscard]] const Op& op() const { return spec_.ops[op_]; }
  [[nodiscard]] const OpTensors& tensors() const { return weights_.ops[op_]; }

  void find_live() {
    live_.assign(spec_.ops.size(), false);
    for (const Output& output : spec_.outputs) live_[output.value] = true;
    for (size_t i = spec_.ops.size(); i-- > 0;) {
      for (const uint32_t input : spec_.ops[i].inputs) live_[input] = live_[input] || live_[i];
    }
  }

  void find_shared() {
    for (const Op& each : spec_.ops) {
      bool shared = options_.share;
      if (reads_sparse(each.kind)) {
        shared = shared && spec_.sparse[each.field].owner == FieldOwner::kRequest;
      } else if (each.kind == OpKind::kDense) {
        shared = shared && spec_.dense[each.field].owner == FieldOwner::kRequest;
      }
      for (const uint32_t input : each.inputs) shared = shared && shared_[input];
      shared_.push_back(shared);
    }
  }

  Ref new_slab(bool shared, size_t width) {
    auto& slabs = shared ? plan_.shared_slabs : plan_.block_slabs;
    slabs.push_back({panel_padded(width), 0});
    return {shared, static_cast<uint32_t>(slabs.size() - 1), 0, static_cast<uint32_t>(width)};
  }

  // Columns [begin, begin + width) of `whole`.
  static Ref part(const Ref& whole, size_t begin, size_t width) {
    return {whole.shared, whole.slab, static_cast<uint32_t>(whole.column + begin),
            static_cast<uint32_t>(width)};
  }

  // From the last op to the first, so that a concat has its place before what it reads.
  void find_places() {
    places_.assign(spec_.ops.size(), Ref{true, kNowhere, 0, 0});
    for (size_t i = spec_.ops.size(); i-- > 0;) {
      if (!live_[i]) continue;
      const Op& each = spec_.ops[i];
      if (places_[i].slab == kNowhere) places_[i] = new_slab(shared_[i], each.width);
      if (each.kind != OpKind::kConcat) continue;
      size_t column = 0;
      for (const uint32_t input : each.inputs) {
        const uint32_t width = spec_.ops[input].width;
        if (places_[input].slab == kNowhere && shared_[input] == shared_[i]) {
          places_[input] = part(places_[i], column, width);
        }
        column += width;
      }
    }
  }

  // Columns of a value that differ between candidates.
  void add_own_columns(uint32_t value, size_t begin, std::vector<ColumnRun>& runs) const {
    const Op& each = spec_.ops[value];
    if (shared_[value]) return;
    if (each.kind != OpKind::kConcat) {
      const auto from = static_cast<uint32_t>(begin);
      if (runs.empty() || runs.back().end != from) runs.push_back({from, from});
      runs.back().end += each.width;
      return;
    }
    for (const uint32_t input : each.inputs) {
      add_own_columns(input, begin, runs);
      begin += spec_.ops[input].width;
    }
  }

  // Gathers the shared columns of a value, where they lie in it and where they come from.
  struct SharedColumns {
    std::vector<ColumnRun> runs;
    std::vector<Ref> from;
    size_t width = 0;
  };
  void add_shared_columns(uint32_t value, size_t begin, SharedColumns& found) const {
    const Op& each = spec_.ops[value];
    if (shared_[value]) {
      const auto from = static_cast<uint32_t>(begin);
      found.runs.push_back({from, from + each.width});
      found.from.push_back(places_[value]);
      found.width += each.width;
    } else if (each.kind == OpKind::kConcat) {
      for (const uint32_t input : each.inputs) {
        add_shared_columns(input, begin, found);
        begin += spec_.ops[input].width;
      }
    }
  }

  std::vector<Step>& steps(bool shared) { return shared ? plan_.shared : plan_.block; }

  void copy(const Ref& from, const Ref& to) {
    Step step{.as = OpKind::kConcat, .op = op_, .out = to, .in = {from}};
    (from.shared && !to.shared ? plan_.fill : steps(to.shared)).push_back(std::move(step));
  }

  uint32_t add_product(PackedWeights packed) {
    plan_.products.push_back(std::move(packed));
    return static_cast<uint32_t>(plan_.products.size() - 1);
  }

  // The matrix of a layer: [out × value's width], and bias [out] or nothing.
  struct Layer {
    std::span<const float> weight, bias;
  };
  // A step that multiplies `value`, with what is shared taken out of it; to be finished and added.
  Step product_of(uint32_t value, const Layer& layer, const Ref& out) {
    const uint32_t width = spec_.ops[value].width;
    Step step{.kind = StepKind::kProduct, .op = op_, .out = out, .in = {places_[value]}};
    SharedColumns split;
    if (!shared_[value]) add_shared_columns(value, 0, split);
    if (split.runs.empty()) {
      step.product = add_product(pack_weights(layer.weight, width, {{0, width}}, layer.bias));
      return step;
    }
    std::vector<ColumnRun> own;
    add_own_columns(value, 0, own);
    const Ref together = new_slab(true, split.width), sum = new_slab(true, out.width);
    size_t column = 0;
    for (const Ref& from : split.from) {
      copy(from, part(together, column, from.width));
      column += from.width;
    }
    Step once{.kind = StepKind::kProduct, .op = op_, .out = sum, .in = {together}};
    PackedWeights packed = pack_weights(layer.weight, width, split.runs, layer.bias);
    packed.runs = {{0, static_cast<uint32_t>(split.width)}};
    once.product = add_product(std::move(packed));
    plan_.shared.push_back(std::move(once));
    step.product = add_product(pack_weights(layer.weight, width, own, {}));
    step.bias = sum;
    return step;
  }

  void finish(Step step) { steps(step.out.shared).push_back(std::move(step)); }

  void emit() {
    switch (op().kind) {
      case OpKind::kEmbed:
      case OpKind::kDense:
        return finish(
            {.kind = op().kind == OpKind::kEmbed ? StepKind::kGather : StepKind::kNormalize,
             .op = op_,
             .out = places_[op_]});
      case OpKind::kConcat:
        return concat();
      case OpKind::kLinear: {
        Step step = product_of(op().inputs[0], {tensors().weight, tensors().bias}, places_[op_]);
        step.activation = op().activation;
        return finish(std::move(step));
      }
      case OpKind::kCross:
        return cross(product_of(op().inputs[1], {tensors().weight, tensors().bias}, places_[op_]));
      case OpKind::kCrossLowRank:
        return cross_low_rank();
      case OpKind::kLinearBlocks:
        return parts_of(op().inputs[0], places_[op_]);
      case OpKind::kBilinear:
        return bilinear();
      case OpKind::kAttend:
      case OpKind::kGru:
        return sequence();
      default: {
        Step step{.as = op().kind, .activation = op().activation, .op = op_, .out = places_[op_]};
        for (const uint32_t input : op().inputs) step.in.push_back(places_[input]);
        return finish(std::move(step));
      }
    }
  }

  void concat() {
    size_t column = 0;
    for (const uint32_t input : op().inputs) {
      const Ref from = places_[input], to = part(places_[op_], column, from.width);
      column += from.width;
      const bool there =
          from.shared == to.shared && from.slab == to.slab && from.column == to.column;
      if (!there) copy(from, to);
    }
  }

  void cross(Step step) {
    step.times = places_[op().inputs[0]];
    step.plus = places_[op().inputs[1]];
    finish(std::move(step));
  }

  void cross_low_rank() {
    const uint32_t y = op().inputs[1];
    const Ref low = new_slab(shared_[y], op().rank);
    finish(product_of(y, {tensors().inner, {}}, low));
    Step step{.kind = StepKind::kProduct, .op = op_, .out = places_[op_], .in = {low}};
    step.product =
        add_product(pack_weights(tensors().weight, op().rank, {{0, op().rank}}, tensors().bias));
    cross(std::move(step));
  }

  // Each of the op's parts of `value` times its own matrix.
  void parts_of(uint32_t value, const Ref& out) {
    const Ref from = places_[value];
    const uint32_t in = from.width / op().parts, width = out.width / op().parts;
    for (uint32_t h = 0; h < op().parts; ++h) {
      Step step{.kind = StepKind::kProduct,
                .activation = op().activation,
                .op = op_,
                .out = part(out, size_t{h} * width, width),
                .in = {part(from, size_t{h} * in, in)}};
      const auto bias = tensors().bias.empty() ? tensors().bias
                                               : tensors().bias.subspan(size_t{h} * width, width);
      step.product = add_product(
          pack_weights(tensors().weight.subspan(size_t{h} * in * width, size_t{in} * width), in,
                       {{0, in}}, bias));
      finish(std::move(step));
    }
  }

  void bilinear() {
    const uint32_t x = op().inputs[0], y = op().inputs[1];
    const Ref product = new_slab(shared_[y], spec_.ops[x].width);
    parts_of(y, product);
    finish({.as = OpKind::kBilinear, .op = op_, .out = places_[op_], .in = {places_[x], product}});
  }

  // What is asked of the request's sequence is read once; a GRU has one answer, and reads itself.
  void sequence() {
    const SparseField& field = spec_.sparse[op().field];
    plan_.sequences.push_back(make_sequence_op(op(), tensors(), field.width));
    Step step{.kind = StepKind::kSequence, .op = op_, .out = places_[op_]};
    step.sequence = static_cast<uint32_t>(plan_.sequences.size() - 1);
    step.memory = new_slab(true, plan_.sequences.back().floats());
    for (const uint32_t input : op().inputs) step.in.push_back(places_[input]);
    step.is_read =
        op().kind == OpKind::kAttend && options_.share && field.owner == FieldOwner::kRequest;
    if (step.is_read) {
      Step read = step;
      read.kind = StepKind::kRead;
      plan_.shared.push_back(std::move(read));
    }
    finish(std::move(step));
  }

  // Shared slabs lie one after the other, block slabs where others are no longer in use.
  void place_all() {
    for (Slab& slab : plan_.shared_slabs) {
      slab.offset = plan_.shared_floats;
      plan_.shared_floats += slab.stride;
    }
    const size_t end = plan_.block.size();
    std::vector<SlabUse> uses(plan_.block_slabs.size(), SlabUse{end, 0});
    const auto use = [&](const Ref& ref, size_t step) {
      if (ref.shared) return;
      uses[ref.slab].first = std::min(uses[ref.slab].first, step);
      uses[ref.slab].last = std::max(uses[ref.slab].last, step);
    };
    for (size_t i = 0; i < end; ++i) {
      const Step& step = plan_.block[i];
      use(step.out, i);
      for (const Ref& in : step.in) use(in, i);
      for (const auto& extra : {step.bias, step.times, step.plus}) {
        if (extra) use(*extra, i);
      }
    }
    for (const Step& step : plan_.fill) {  // filled once for all blocks, so nobody else's
      use(step.out, 0);
      use(step.out, end);
    }
    for (const Ref& output : plan_.outputs) use(output, end);
    plan_.row_floats = place_slabs(uses, plan_.block_slabs);
  }

  const NetworkWeights& weights_;
  const NetworkSpec& spec_;
  PlanOptions options_;
  Plan plan_;
  uint32_t op_ = 0;
  std::vector<bool> live_, shared_;
  std::vector<Ref> places_;
};

}  // namespace

size_t place_slabs(std::span<const SlabUse> uses, std::vector<Slab>& slabs) {
  PALATE_CHECK(uses.size() == slabs.size(), "a use of each slab");
  std::vector<size_t> order(slabs.size()), placed;
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](size_t i) { return uses[i].first; });
  size_t most = 0;
  for (const size_t i : order) {
    // `placed` is in the order of offsets; the first gap that is wide enough.
    std::erase_if(placed, [&](size_t other) { return uses[other].last < uses[i].first; });
    size_t at = 0;
    auto before = placed.begin();
    for (; before != placed.end() && at + slabs[i].stride > slabs[*before].offset; ++before) {
      at = slabs[*before].offset + slabs[*before].stride;
    }
    slabs[i].offset = at;
    placed.insert(before, i);
    most = std::max(most, at + slabs[i].stride);
  }
  return most;
}

void quantize(Plan& plan) {
  constexpr size_t kLeast = 16;  // inputs and outputs
  const int code_max = int8_kernels().front().weight_code_max;
  plan.int8.resize(plan.products.size());
  for (const Step& step : plan.block) {
    if (step.kind != StepKind::kProduct) continue;
    PackedWeights& weights = plan.products[step.product];
    if (weights.in < kLeast || weights.out < kLeast) continue;
    plan.int8[step.product] = quantize_weights(weights, code_max);
    weights.data = {};
  }
}

Plan make_plan(const NetworkWeights& weights, const PlanOptions& options) {
  return Planner(weights, options).run();
}

}  // namespace palate
