#include "models/ranker/ranker_network.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "features/ranking_fields.h"
#include "models/ranker/network_builder.h"

namespace palate {

void RankerConfig::fields(FieldVisitor<RankerConfig>& field) {
  field("streams", &RankerConfig::streams, {},
        "Side by side over the embeddings: linear (a weight per id), fm (every pair of fields), "
        "fm_weighted (with a weight per pair), cross (DCNv2), mlp, cross_mlp (an mlp on crosses), "
        "two_mlp (two, fused bilinearly), mask_serial and mask_parallel (MaskNet)");
  field("width", &RankerConfig::width, {.min = 1, .max = 1024, .unit = "dimensions"},
        "Length of an id's embedding");
  field("narrow_width", &RankerConfig::narrow_width, {.min = 1, .max = 1024, .unit = "dimensions"},
        "Length of a rare id's, where examples.rare is \"narrow\"; a matrix makes it one of width");
  field("cross_layers", &RankerConfig::cross_layers, {.min = 1, .max = 16}, "How many crosses");
  field("cross_rank", &RankerConfig::cross_rank, {.min = 0, .max = 4096, .unit = "dimensions"},
        "Rank of a cross's matrix; 0: full");
  field("hidden", &RankerConfig::hidden, {}, "Widths of the hidden layers of an mlp");
  field("attend", &RankerConfig::attend, {},
        "Columns with many ids in order, the newest last, that are read by attention rather than "
        "averaged; 'history' if there is one");
  field("attend_query", &RankerConfig::attend_query, {},
        "The column of one id whose embedding asks: its history counts by what it has to do with "
        "this. Empty: a learnt query for all");
  field("attend_heads", &RankerConfig::attend_heads, {.min = 1, .max = 64},
        "Heads of attention; they share the width, which they divide");
  field("gru", &RankerConfig::gru, {},
        "Columns with many ids in order that are read by a recurrent network (GRU)");
  field("sequence_length", &RankerConfig::sequence_length,
        {.min = 1, .max = kNetworkLengthMax, .unit = "ids"},
        "The newest ids that attention and a GRU read");
  field("dropout", &RankerConfig::dropout, {.min = 0, .max = 0.95},
        "Share of hidden results that are zeroed while training");
  field("batch_norm", &RankerConfig::batch_norm, {}, "Normalize hidden layers over the batch");
  field("gate_fields", &RankerConfig::gate_fields, {},
        "Each embedding decides how much of itself counts (GateNet)");
  field("gate_hidden", &RankerConfig::gate_hidden, {},
        "Each hidden layer decides how much of itself counts (GateNet)");
  field("mask_blocks", &RankerConfig::mask_blocks, {.min = 1, .max = 16}, "Blocks of MaskNet");
  field("mask_width", &RankerConfig::mask_width, {.min = 1, .max = 4096},
        "Width of what a block of MaskNet gives");
  field("mask_ratio", &RankerConfig::mask_ratio, {.min = 0.01, .max = 16},
        "Width of the layer that makes a mask, as a multiple of what is masked");
  field("heads", &RankerConfig::heads, {.one_of = {"shared", "mmoe", "ple"}},
        "How several objectives share: one bottom, a mixture of shared experts for each (MMoE), or "
        "of experts of its own and shared ones, over several levels (PLE)");
  field("experts", &RankerConfig::experts, {.min = 2, .max = 64},
        "Experts of mmoe; of ple, of each objective and as many shared");
  field("levels", &RankerConfig::levels, {.min = 1, .max = 8}, "Levels of experts of ple");
  field("regression", &RankerConfig::regression, {},
        "Labels that are quantities rather than probabilities");
  field("ordinal", &RankerConfig::ordinal, {},
        "Labels that are levels 1, 2, …, with how many there are: 'stars=5' (CORAL)");
}

namespace {

using Value = NetworkBuilder::Value;

constexpr uint32_t kBilinearPartsMax = 10;  // of two_mlp's fusion
constexpr std::string_view kNarrow = kNarrowSuffix;

// The widths of `hidden`. Errors: kInvalidArgument.
Result<std::vector<uint32_t>> hidden_widths(const RankerConfig& config) {
  std::vector<uint32_t> widths;
  for (const std::string& text : config.hidden) {
    uint32_t width = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), width);
    if (error != std::errc() || end != text.data() + text.size() || width == 0 ||
        width > kNetworkWidthMax) {
      return fail(Code::kInvalidArgument, "ranker.hidden: '{}' is not a width of 1 to {}", text,
                  kNetworkWidthMax);
    }
    widths.push_back(width);
  }
  if (widths.empty()) return fail(Code::kInvalidArgument, "ranker.hidden: no layer is named");
  return widths;
}

class RankerBuilder {
 public:
  RankerBuilder(const RankerConfig& config, const RankerInputs& inputs,
                std::vector<uint32_t> hidden)
      : config_(config), inputs_(inputs), hidden_(std::move(hidden)) {}

  Result<TrainableNetwork> build() {
    TRY(check_sequences());
    TRY(read_fields());
    std::vector<Value> vectors, numbers;
    for (const std::string& name : config_.streams) {
      const auto stream = std::find_if(kStreams.begin(), kStreams.end(),
                                       [&](const Stream& one) { return one.name == name; });
      if (stream == kStreams.end()) {
        return fail(Code::kInvalidArgument, "ranker.streams: there is no '{}'; {}", name,
                    "linear, fm, fm_weighted, cross, mlp, cross_mlp, two_mlp, mask_serial, "
                    "mask_parallel");
      }
      if (stream->pairs && embedded_.size() < 2) {
        return fail(Code::kInvalidArgument, "ranker.streams: {} needs two fields of ids", name);
      }
      const Value value = (this->*stream->build)();
      (net_.width_of(value) == 1 ? numbers : vectors).push_back(value);
    }
    add_heads(vectors, numbers);
    return std::move(net_).take();
  }

 private:
  struct Stream {
    std::string_view name;
    Value (RankerBuilder::*build)();
    bool pairs = false;  // of fields of ids
  };
  static const std::array<Stream, 9> kStreams;

  static bool names(const std::vector<std::string>& list, const SparseField& field) {
    return field.pooling != Pooling::kOne && std::ranges::find(list, field.name) != list.end();
  }

  // What is named has many ids; but for the column that is looked for without being named.
  [[nodiscard]] Status check_sequences() const {
    for (const auto* list : {&config_.attend, &config_.gru}) {
      if (*list == RankerConfig().attend) continue;
      for (const std::string& name : *list) {
        const auto is_it = [&](const SparseField& field) {
          return field.name == name && field.pooling != Pooling::kOne;
        };
        if (std::ranges::any_of(inputs_.sparse, is_it)) continue;
        return fail(Code::kInvalidArgument, "ranker.{}: no column '{}' with many ids",
                    list == &config_.attend ? "attend" : "gru", name);
      }
    }
    return {};
  }

  Status read_fields() {
    std::vector<SparseField> sequences;
    std::optional<Value> query;
    for (SparseField field : inputs_.sparse) {
      if (is_narrow(field)) continue;
      field.width = static_cast<uint32_t>(config_.width);
      if (names(config_.attend, field) || names(config_.gru, field)) {
        sequences.push_back(field);
        continue;
      }
      embedded_.push_back(with_narrow(field, net_.embed(field)));
      if (field.name == config_.attend_query) query = embedded_.back();
    }
    for (const SparseField& field : sequences) TRY(read_sequence(field, query));
    read_dense();
    return {};
  }

  // Whether the column is the narrow half of one that is there.
  [[nodiscard]] bool is_narrow(const SparseField& field) const {
    const std::string_view name = field.name;
    return name.ends_with(kNarrow) &&
           std::ranges::find(inputs_.sparse, name.substr(0, name.size() - kNarrow.size()),
                             &SparseField::name) != inputs_.sparse.end();
  }
  // A rare id reads row 0 of the wide table and its own of the narrow one, a frequent one row 0
  // there, which all frequent ones share.
  Value with_narrow(const SparseField& field, Value wide) {
    const auto narrow =
        std::ranges::find(inputs_.sparse, field.name + std::string(kNarrow), &SparseField::name);
    if (narrow == inputs_.sparse.end()) return wide;
    SparseField half = *narrow;
    half.width = static_cast<uint32_t>(config_.narrow_width);
    return net_.sum({wide, net_.linear(net_.embed(half), field.width)});
  }

  Status read_sequence(const SparseField& field, std::optional<Value> query) {
    Op op{.kind = OpKind::kGru,
          .width = field.width,
          .length = static_cast<uint32_t>(config_.sequence_length)};
    if (names(config_.gru, field)) {
      if (!names(config_.attend, field)) {
        embedded_.push_back(net_.sequence(field, op));
        return {};
      }
      SparseField own = field;  // a table of its own beside that of attention
      own.name += ":gru";
      embedded_.push_back(net_.sequence(own, op));
    }
    op.kind = OpKind::kAttend;
    op.parts = static_cast<uint32_t>(config_.attend_heads);
    if (field.width % op.parts != 0) {
      return fail(Code::kInvalidArgument, "ranker.attend_heads: {} do not share a width of {}",
                  op.parts, field.width);
    }
    if (!config_.attend_query.empty()) {
      if (!query) {
        return fail(Code::kInvalidArgument,
                    "ranker.attend_query: there is no column '{}' that could ask '{}'; name one, "
                    "or none",
                    config_.attend_query, field.name);
      }
      op.inputs = {net_.linear(*query, field.width)};
    }
    embedded_.push_back(net_.sequence(field, op));
    return {};
  }

  void read_dense() {
    for (const DenseField& field : inputs_.dense) dense_.push_back(net_.dense(field));
    std::vector<Value> all = embedded_;
    if (config_.gate_fields && !embedded_.empty()) {
      const Value ids = net_.concat(embedded_);
      const auto parts = static_cast<uint32_t>(embedded_.size());
      const Value gate = net_.of({.kind = OpKind::kLinearBlocks,
                                  .inputs = {ids},
                                  .width = net_.width_of(ids),
                                  .parts = parts,
                                  .activation = Activation::kSigmoid});
      all = {
          net_.scaled(net_.multiply(ids, gate), 2)};  // a gate that knows nothing lets all through
    }
    all.insert(all.end(), dense_.begin(), dense_.end());
    x0_ = net_.concat(all);
  }

  // LR: a table of width 1 beside each field's own.
  Value linear() {
    std::vector<Value> numbers;
    for (SparseField field : inputs_.sparse) {
      field.name += ":linear";
      field.width = 1;
      numbers.push_back(net_.embed(field));
    }
    if (!dense_.empty()) numbers.push_back(net_.linear(net_.concat(dense_), 1));
    return net_.sum(numbers);
  }
  Value fm() { return net_.of({.kind = OpKind::kFm, .inputs = embedded_, .width = 1}); }
  Value fm_weighted() {
    return net_.of({.kind = OpKind::kFmWeighted, .inputs = embedded_, .width = 1});
  }

  Value cross() {
    Value x = x0_;
    for (int i = 0; i < config_.cross_layers; ++i) {
      x = net_.cross(x0_, x, static_cast<uint32_t>(config_.cross_rank));
    }
    return x;
  }
  Value mlp() { return hidden_layers(x0_); }
  Value cross_mlp() { return hidden_layers(cross()); }

  // FinalMLP (Mao et al. 2023): two towers, each over features chosen by gates of its own, fused.
  Value two_mlp() {
    const Value left = hidden_layers(chosen()), right = hidden_layers(chosen());
    uint32_t parts = kBilinearPartsMax;
    while (net_.width_of(left) % parts != 0) --parts;
    const Value pairs =
        net_.of({.kind = OpKind::kBilinear, .inputs = {left, right}, .width = 1, .parts = parts});
    return net_.sum({net_.linear(left, 1), net_.linear(right, 1), pairs});
  }
  Value chosen() {
    const Value gate = net_.linear(x0_, net_.width_of(x0_), Activation::kSigmoid);
    return net_.scaled(net_.multiply(x0_, gate), 2);
  }

  // MaskNet (Wang, She and Zhang 2021, section 3): blocks one on the other, or side by side below
  // an mlp. Every mask is made of the embeddings as they are; the first blocks mask normalized
  // ones.
  Value mask_serial() {
    Value x = normalized();
    for (int i = 0; i < config_.mask_blocks; ++i) x = mask_block(x);
    return x;
  }
  Value mask_parallel() {
    const Value x = normalized();
    std::vector<Value> blocks;
    for (int i = 0; i < config_.mask_blocks; ++i) blocks.push_back(mask_block(x));
    return hidden_layers(net_.concat(blocks));
  }
  Value normalized() {
    std::vector<Value> all;
    for (const Value one : embedded_) all.push_back(layer_norm(one));
    all.insert(all.end(), dense_.begin(), dense_.end());
    return net_.concat(all);
  }
  Value layer_norm(Value x) {
    return net_.of({.kind = OpKind::kLayerNorm, .inputs = {x}, .width = net_.width_of(x)});
  }
  Value mask_block(Value x) {
    const double wide = std::max(1.0, config_.mask_ratio * net_.width_of(x));
    const auto gathered = static_cast<uint32_t>(std::min<double>(wide, kNetworkWidthMax));
    const Value mask = net_.linear(net_.linear(x0_, gathered, Activation::kRelu), net_.width_of(x));
    const Value out =
        layer_norm(net_.linear(net_.multiply(mask, x), static_cast<uint32_t>(config_.mask_width)));
    return net_.of({.kind = OpKind::kActivate,
                    .inputs = {out},
                    .width = net_.width_of(out),
                    .activation = Activation::kRelu});
  }

  Value hidden_layers(Value x) {
    const OpTraining training{
        .batch_norm = config_.batch_norm,
        .dropout = config_.gate_hidden ? 0 : static_cast<float>(config_.dropout)};
    for (const uint32_t width : hidden_) {
      x = net_.linear(x, width, Activation::kRelu, training);
      if (config_.gate_hidden) x = net_.multiply(x, net_.linear(x, width, Activation::kSigmoid));
    }
    return x;
  }

  void add_heads(const std::vector<Value>& vectors, const std::vector<Value>& numbers) {
    const std::vector<Value> bottoms =
        vectors.empty() ? std::vector<Value>{} : bottoms_of(net_.concat(vectors));
    const bool one = inputs_.objectives.size() == 1;
    for (size_t i = 0; i < inputs_.objectives.size(); ++i) {
      std::vector<Value> terms;
      if (!bottoms.empty()) terms.push_back(net_.linear(bottoms[i], 1));
      // A number of a stream counts as it is for one objective, and with a weight of its own for
      // several.
      for (const Value number : numbers) terms.push_back(one ? number : net_.linear(number, 1));
      net_.output(inputs_.objectives[i], net_.sum(terms));
    }
  }

  // What each objective's head reads.
  std::vector<Value> bottoms_of(Value x) {
    const size_t objectives = inputs_.objectives.size();
    if (objectives == 1 || config_.heads == "shared") return std::vector<Value>(objectives, x);
    if (config_.heads == "ple") return extracted(x);
    const std::vector<Value> experts = experts_on(x);
    std::vector<Value> bottoms;
    for (size_t i = 0; i < objectives; ++i) bottoms.push_back(mixture(experts, x0_));
    return bottoms;
  }

  // PLE (Tang et al. 2020, sections 4.1 and 4.2): on every level each objective chooses among
  // experts of its own and shared ones, and what is shared among all of them.
  std::vector<Value> extracted(Value x) {
    std::vector<Value> own(inputs_.objectives.size(), x);
    Value shared = x;
    for (int level = 0; level < config_.levels; ++level) {
      const std::vector<Value> common = experts_on(shared);
      std::vector<Value> all = common;
      for (Value& one : own) {
        std::vector<Value> experts = experts_on(one);
        all.insert(all.end(), experts.begin(), experts.end());
        experts.insert(experts.end(), common.begin(), common.end());
        one = mixture(experts, one);
      }
      if (level + 1 < config_.levels) shared = mixture(all, shared);
    }
    return own;
  }

  std::vector<Value> experts_on(Value x) {
    std::vector<Value> experts;
    for (int i = 0; i < config_.experts; ++i) {
      experts.push_back(net_.linear(x, hidden_.back(), Activation::kRelu));
    }
    return experts;
  }

  // MMoE (Ma et al. 2018, equations 5 to 7): a gate of its own over experts, made by `asks`.
  Value mixture(const std::vector<Value>& experts, Value asks) {
    const auto count = static_cast<uint32_t>(experts.size());
    const Value gate =
        net_.of({.kind = OpKind::kSoftmax, .inputs = {net_.linear(asks, count)}, .width = count});
    std::vector<Value> inputs = {gate};
    inputs.insert(inputs.end(), experts.begin(), experts.end());
    return net_.of(
        {.kind = OpKind::kMix, .inputs = inputs, .width = net_.width_of(experts.front())});
  }

  const RankerConfig& config_;
  const RankerInputs& inputs_;
  std::vector<uint32_t> hidden_;
  NetworkBuilder net_;
  std::vector<Value> embedded_, dense_;
  Value x0_ = 0;
};

const std::array<RankerBuilder::Stream, 9> RankerBuilder::kStreams{{
    {"linear", &RankerBuilder::linear},
    {"fm", &RankerBuilder::fm, true},
    {"fm_weighted", &RankerBuilder::fm_weighted, true},
    {"cross", &RankerBuilder::cross},
    {"mlp", &RankerBuilder::mlp},
    {"cross_mlp", &RankerBuilder::cross_mlp},
    {"two_mlp", &RankerBuilder::two_mlp},
    {"mask_serial", &RankerBuilder::mask_serial},
    {"mask_parallel", &RankerBuilder::mask_parallel},
}};

}  // namespace

namespace {

// Levels as if all were as frequent: level k is passed by a share of (levels − k) / levels.
Result<std::vector<float>> first_thresholds(const std::string& text) {
  constexpr uint32_t kLevelsMax = 256;
  uint32_t levels = 0;
  const size_t equals = std::min(text.find('='), text.size() - 1);
  const char* begin = text.data() + equals + 1;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(begin, end, levels);
  if (error != std::errc() || stop != end || levels < 2 || levels > kLevelsMax) {
    return fail(Code::kInvalidArgument, "ranker.ordinal: '{}' is not 'label=levels' with 2 to {}",
                text, kLevelsMax);
  }
  std::vector<float> thresholds;
  for (uint32_t k = 1; k < levels; ++k) {
    thresholds.push_back(std::log(static_cast<float>(levels - k) / static_cast<float>(k)));
  }
  return thresholds;
}

}  // namespace

Result<std::vector<Output>> ranker_objectives(const RankerConfig& config,
                                              const std::vector<std::string>& labels) {
  std::vector<Output> objectives;
  for (const std::string& label : labels) {
    objectives.push_back({.name = label, .link = Link::kSigmoid});
  }
  // The objective of a name; it must still be what all are at first.
  const auto find = [&](const std::string& name, const char* setting) -> Result<Output*> {
    const auto found = std::ranges::find(objectives, name, &Output::name);
    if (found != objectives.end() && found->link == Link::kSigmoid) return &*found;
    return fail(Code::kInvalidArgument, "ranker.{}: '{}' is no label, or named twice", setting,
                name);
  };
  for (const std::string& name : config.regression) {
    TRY(find(name, "regression"))->link = Link::kIdentity;
  }
  for (const std::string& text : config.ordinal) {
    Output* const output = TRY(find(text.substr(0, text.find('=')), "ordinal"));
    output->link = Link::kOrdinal;
    output->thresholds = TRY(first_thresholds(text));
  }
  return objectives;
}

Result<TrainableNetwork> ranker_network(const RankerConfig& config, const RankerInputs& inputs) {
  if (inputs.sparse.empty() && inputs.dense.empty()) {
    return fail(Code::kInvalidArgument, "a ranker without a field to read");
  }
  if (inputs.objectives.empty())
    return fail(Code::kInvalidArgument, "a ranker without an objective");
  if (config.streams.empty()) return fail(Code::kInvalidArgument, "ranker.streams: none is named");
  TrainableNetwork plan = TRY(RankerBuilder(config, inputs, TRY(hidden_widths(config))).build());
  if (auto fits = plan.spec.check(); !fits) {
    return fail(Code::kInvalidArgument, "ranker: {}", fits.error().message);
  }
  return plan;
}

}  // namespace palate
