#include "infer/network.h"

#include <algorithm>
#include <cmath>

#include "infer/network_weights.h"
#include "infer/plan.h"
#include "infer/row_ops.h"
#include "infer/sequence_ops.h"

namespace palate {
namespace {

constexpr size_t kBlockRowsMax = 4096;

// Values of a block stay in the second-level cache beside the weights that pass by; a block is a
// few tiles of rows at least, so that weights are not read for too few.
size_t fitting_rows(const Plan& plan) {
  constexpr size_t kBytes = size_t{512} << 10, kTile = 12;
  const size_t row = std::max<size_t>(plan.row_floats, 1) * sizeof(float);
  return std::clamp<size_t>(kBytes / row / kTile * kTile, 2 * kTile, 16 * kTile);
}

struct Memory {
  float* shared;
  float* block;
  std::span<BlockView> views;
  Int8Scratch& int8;
};

// Sums of squares of a layer's exact sums and of what fewer bits are off, by product.
struct Squares {
  double exact = 0, off = 0;
};
struct Comparison {
  const Plan& narrow;
  std::vector<Squares> squares;
};

bool is_narrow(const Plan& plan, uint32_t product) {
  return !plan.products[product].halves.empty() ||
         (!plan.int8.empty() && plan.int8[product].has_value());
}

void multiply_in(const Plan& plan, uint32_t product, const Block& block, Int8Scratch& scratch) {
  if (!plan.int8.empty() && plan.int8[product]) {
    return multiply_int8(*plan.int8[product], block, scratch);
  }
  multiply(plan.products[product], block);
}

// One request's way through a plan.
class Run {
 public:
  Run(const NetworkWeights& weights, const Plan& plan, const NetworkRequest& request,
      const Memory& memory)
      : weights_(weights), plan_(plan), request_(request), memory_(memory) {}

  // Memory is laid out for so many candidates.
  void layout(size_t rows) { layout_rows_ = rows; }
  // What comes is of `rows` candidates from `first` on.
  void at(size_t first, size_t rows) {
    first_ = first;
    rows_ = rows;
  }
  // What the layers of another plan are off is added up.
  void compare(Comparison* comparison) { comparison_ = comparison; }

  void run(std::span<const Step> steps) {
    for (const Step& step : steps) one(step);
  }

  [[nodiscard]] BlockView view(const Ref& ref) const {
    if (ref.shared) return {memory_.shared + plan_.shared_slabs[ref.slab].offset + ref.column, 0};
    const Slab& slab = plan_.block_slabs[ref.slab];
    return {memory_.block + slab.offset * layout_rows_ + ref.column, slab.stride};
  }

 private:
  void one(const Step& step) {
    const BlockView out = view(step.out);
    const size_t rows = step.out.shared ? 1 : rows_;
    auto* to = const_cast<float*>(out.data);  // NOLINT: a step writes what it owns
    switch (step.kind) {
      case StepKind::kGather:
        return gather(step, {.rows = rows, .out = to, .out_stride = out.stride});
      case StepKind::kNormalize:
        return normalize(
            step, {.rows = rows, .width = step.out.width, .out = to, .out_stride = out.stride});
      case StepKind::kProduct:
        return product(step, {.rows = rows, .out = to, .out_stride = out.stride});
      case StepKind::kRows:
        return row_op(step, {.rows = rows, .out = to, .out_stride = out.stride});
      case StepKind::kRead:
        read(step, 0);
        return;
      case StepKind::kSequence:
        return sequence(step, {.rows = rows, .out = to, .out_stride = out.stride});
    }
  }

  // The first row of a field that belongs to a step's rows.
  [[nodiscard]] size_t first_row(FieldOwner owner) const {
    return owner == FieldOwner::kRequest ? 0 : first_;
  }

  void gather(const Step& step, GatherJob job) const {
    const uint32_t field = weights_.spec.ops[step.op].field;
    const SparseField& spec = weights_.spec.sparse[field];
    job.table = weights_.tables[field];
    job.values = request_.sparse[field];
    job.pooling = spec.pooling;
    job.first = first_row(spec.owner);
    if (spec.owner == FieldOwner::kCandidate || step.out.shared) return gather_rows(job);
    for (size_t rows = std::exchange(job.rows, 1); rows > 0; --rows, job.out += job.out_stride) {
      gather_rows(job);
    }
  }

  [[nodiscard]] float* memory_of(const Step& step) const {
    return const_cast<float*>(view(step.memory).data);  // NOLINT: a step writes what it owns
  }

  // A row of the sequence that a step reads: how many ids.
  size_t read(const Step& step, size_t row) const {
    const uint32_t field = weights_.spec.ops[step.op].field;
    const SequenceOp& op = plan_.sequences[step.sequence];
    const auto ids = newest_ids(op, request_.sparse[field], row);
    if (step.kind == StepKind::kRead || !step.is_read) {
      read_sequence(op, weights_.tables[field], ids, memory_of(step));
    }
    return ids.size();
  }

  void sequence(const Step& step, const RowsJob& job) const {
    const SequenceOp& op = plan_.sequences[step.sequence];
    const FieldOwner owner = weights_.spec.sparse[weights_.spec.ops[step.op].field].owner;
    const BlockView asks = step.in.empty() ? BlockView{op.query.data(), 0} : view(step.in[0]);
    for (size_t row = 0; row < job.rows; ++row) {
      const size_t ids = read(step, owner == FieldOwner::kRequest ? 0 : first_ + row);
      float* out = job.out + row * job.out_stride;
      run_sequence({op, ids, asks.row(row), memory_of(step)}, {out, op.width});
    }
  }

  void normalize(const Step& step, RowsJob job) const {
    const uint32_t field = weights_.spec.ops[step.op].field;
    const DenseField& spec = weights_.spec.dense[field];
    const bool one = spec.owner == FieldOwner::kRequest;
    const BlockView in{request_.dense[field].data() + first_row(spec.owner) * spec.width,
                       one ? 0 : size_t{spec.width}};
    job.in = {&in, 1};
    normalize_rows(weights_.norms[field], job);
  }

  void product(const Step& step, Block block) const {
    const PackedWeights& weights = plan_.products[step.product];
    block.left = view(step.in[0]);
    block.epilogue.bias = step.bias ? view(*step.bias).data : weights.bias.data();
    block.epilogue.activation = step.activation;
    if (step.times) {
      block.epilogue.times = view(*step.times);
      block.epilogue.plus = view(*step.plus);
    }
    if (comparison_ != nullptr) compare(step, block);
    multiply_in(plan_, step.product, block, memory_.int8);
  }

  void compare(const Step& step, Block block) const {
    const size_t out = plan_.products[step.product].out;
    std::vector<float> exact(block.rows * out), about(exact.size());
    block.epilogue = {.bias = block.epilogue.bias};
    block.out_stride = out;
    block.out = exact.data();
    multiply_in(plan_, step.product, block, memory_.int8);
    block.out = about.data();
    multiply_in(comparison_->narrow, step.product, block, memory_.int8);
    Squares& squares = comparison_->squares[step.product];
    for (size_t i = 0; i < exact.size(); ++i) {
      const double off = double{about[i]} - exact[i];
      squares.exact += double{exact[i]} * exact[i];
      squares.off += off * off;
    }
  }

  void row_op(const Step& step, RowsJob job) const {
    for (size_t i = 0; i < step.in.size(); ++i) memory_.views[i] = view(step.in[i]);
    job.kind = step.as;
    job.activation = step.activation;
    job.scale = weights_.spec.ops[step.op].scale;
    job.width = step.in.back().width;
    job.in = memory_.views.first(step.in.size());
    job.weight = weights_.ops[step.op].weight.data();
    job.bias = weights_.ops[step.op].bias.data();
    run_rows(job);
  }

  const NetworkWeights& weights_;
  const Plan& plan_;
  const NetworkRequest& request_;
  Memory memory_;
  Comparison* comparison_ = nullptr;
  size_t layout_rows_ = 0, first_ = 0, rows_ = 0;
};

struct Blocks {
  size_t candidates, rows;  // in all, and at once
};
// Shared steps, then those of each block; done(first, rows) after each.
template <class Done>
void run_blocks(const Plan& plan, Run& run, const Blocks& blocks, const Done& done) {
  run.layout(blocks.rows);
  run.at(0, blocks.rows);
  run.run(plan.shared);
  run.run(plan.fill);
  for (size_t first = 0; first < blocks.candidates; first += blocks.rows) {
    const size_t rows = std::min(blocks.rows, blocks.candidates - first);
    run.at(first, rows);
    run.run(plan.block);
    done(first, rows);
  }
}

// Of a row whose sequence is as long as is read.
double sequence_flop(const SequenceOp& op, const Step& step) {
  const auto of = [](const PackedWeights& weights) {
    return 2.0 * static_cast<double>(weights.in) * static_cast<double>(weights.out);
  };
  const double reading = step.is_read && step.kind != StepKind::kRead ? 0 : of(op.read);
  const double asking = 4.0 * static_cast<double>(op.width);
  const double each = op.kind == OpKind::kGru ? of(op.recurrent) : asking;
  return static_cast<double>(op.length) * (reading + (step.kind == StepKind::kRead ? 0 : each));
}

}  // namespace

struct Network::State {
  NetworkWeights weights;
  Plan plan;
  bool share = true;
  size_t block_rows = 0;
};

Network::Network(std::unique_ptr<State> state) : state_(std::move(state)) {}
Network::~Network() = default;
const NetworkSpec& Network::spec() const { return state_->weights.spec; }

Result<std::shared_ptr<const Network>> Network::load(std::shared_ptr<const Artefact> artefact,
                                                     const NetworkOptions& options) {
  if (options.block_rows > kBlockRowsMax) {
    return fail(Code::kInvalidArgument, "network: blocks of {} rows, at most {}",
                options.block_rows, kBlockRowsMax);
  }
  auto state = std::make_unique<State>();
  state->weights = TRY(NetworkWeights::read(std::move(artefact)));
  state->share = options.share;
  state->plan = make_plan(state->weights, {.share = options.share});
  switch (options.precision.value_or(state->weights.layers)) {
    case Precision::kF32:
      break;
    case Precision::kBf16:
      std::ranges::for_each(state->plan.products, narrow_to_bf16);
      break;
    case Precision::kInt8:
      quantize(state->plan);
      break;
    case Precision::kInt4:
      return fail(Code::kInvalidArgument, "network: layers in int4, which is for tables");
  }
  state->block_rows = options.block_rows > 0 ? options.block_rows : fitting_rows(state->plan);
  return std::shared_ptr<const Network>(new Network(std::move(state)));
}

Status Network::score(const NetworkRequest& request, std::span<const std::span<float>> outputs,
                      NetworkScratch& scratch) const {
  const Plan& plan = state_->plan;
  const NetworkSpec& spec = state_->weights.spec;
  TRY(check_request(spec, request));
  if (outputs.size() != spec.outputs.size()) {
    return fail(Code::kInvalidArgument, "network: {} outputs, it has {}", outputs.size(),
                spec.outputs.size());
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const size_t numbers = request.candidates * spec.ops[spec.outputs[i].value].width;
    if (outputs[i].size() == numbers) continue;
    return fail(Code::kInvalidArgument, "network: room for {} of {} numbers of '{}'",
                outputs[i].size(), numbers, spec.outputs[i].name);
  }
  if (request.candidates == 0) return {};
  const auto grow = [](auto& memory, size_t size) {
    if (memory.size() < size) memory.resize(size);
  };
  const size_t most = std::min(state_->block_rows, request.candidates);
  grow(scratch.shared_, plan.shared_floats);
  grow(scratch.block_, plan.row_floats * most);
  grow(scratch.views_, kNetworkInputsMax);
  const Memory memory{scratch.shared_.data(), scratch.block_.data(), scratch.views_, scratch.int8_};
  Run run(state_->weights, plan, request, memory);
  run_blocks(plan, run, {request.candidates, most}, [&](size_t first, size_t rows) {
    for (size_t i = 0; i < outputs.size(); ++i) {
      const BlockView values = run.view(plan.outputs[i]);
      const size_t width = plan.outputs[i].width;
      for (size_t row = 0; row < rows; ++row) {
        for (size_t d = 0; d < width; ++d) {
          outputs[i][(first + row) * width + d] = promised(spec.outputs[i], values.row(row)[d]);
        }
      }
    }
  });
  return {};
}

Result<std::vector<Network::LayerError>> Network::layer_errors(
    const Network& narrow, std::span<const NetworkRequest> requests) const {
  const Plan& plan = state_->plan;
  const Plan& other = narrow.state_->plan;
  if (narrow.spec().to_json() != spec().to_json() || narrow.state_->share != state_->share) {
    return fail(Code::kInvalidArgument, "network: layers are compared with another network's");
  }
  for (uint32_t i = 0; i < plan.products.size(); ++i) {
    if (!is_narrow(plan, i)) continue;
    return fail(Code::kInvalidArgument, "network: layers are compared with some of fewer bits");
  }
  Comparison comparison{other, std::vector<Squares>(plan.products.size())};
  std::vector<BlockView> views(kNetworkInputsMax);
  Int8Scratch int8;
  for (const NetworkRequest& request : requests) {
    TRY(check_request(spec(), request));
    if (request.candidates == 0) continue;
    const size_t most = std::min(state_->block_rows, request.candidates);
    FloatTable shared(plan.shared_floats), block(plan.row_floats * most);
    Run run(state_->weights, plan, request, {shared.data(), block.data(), views, int8});
    run.compare(&comparison);
    run_blocks(plan, run, {request.candidates, most}, [](size_t, size_t) {});
  }
  std::vector<LayerError> errors;
  for (const auto* steps : {&plan.shared, &plan.block}) {
    for (const Step& step : *steps) {
      if (step.kind != StepKind::kProduct || !is_narrow(other, step.product)) continue;
      const auto& [exact, off] = comparison.squares[step.product];
      errors.push_back({spec().ops[step.op].name, exact > 0 ? std::sqrt(off / exact) : 0});
    }
  }
  return errors;
}

Network::Work Network::work() const {
  Work work{.block_rows = state_->block_rows};
  const auto flop = [&](const std::vector<Step>& steps) {
    double sum = 0;
    for (const Step& step : steps) {
      const bool reads = step.kind == StepKind::kRead || step.kind == StepKind::kSequence;
      if (reads) sum += sequence_flop(state_->plan.sequences[step.sequence], step);
      if (step.kind != StepKind::kProduct) continue;
      const PackedWeights& weights = state_->plan.products[step.product];
      sum += 2.0 * static_cast<double>(weights.in) * static_cast<double>(weights.out);
    }
    return sum;
  };
  work.flop_request = flop(state_->plan.shared);
  work.flop_candidate = flop(state_->plan.block);
  for (const PackedWeights& weights : state_->plan.products) {
    work.weight_bytes +=
        weights.data.size() * sizeof(float) + weights.halves.size() * sizeof(uint16_t);
  }
  for (const auto& weights : state_->plan.int8) {
    if (weights)
      work.weight_bytes += weights->codes.size() + 2 * weights->scale.size() * sizeof(float);
  }
  return work;
}

}  // namespace palate
