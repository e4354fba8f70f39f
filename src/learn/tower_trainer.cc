#include "learn/tower_trainer.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include "learn/blocks.h"
#include "learn/sampled_softmax.h"
#include "learn/torch_network.h"
#include "math/philox.h"

namespace palate {
namespace {

constexpr size_t kItem = 0, kTerms = 1, kSubwords = 2, kItemTables = 3;
constexpr double kTextTemperature = 0.1;
constexpr double kLengthMin = 1e-6;

// Lists of ids of a batch, in the memory that BatchIds points into.
struct Bags {
  std::vector<uint32_t> ids, start{0};
  void add(std::span<const uint32_t> list) {
    ids.insert(ids.end(), list.begin(), list.end());
    start.push_back(static_cast<uint32_t>(ids.size()));
  }
  [[nodiscard]] BatchIds view() const { return {ids, start, start.size() - 1}; }
};

at::Tensor of_length_one(const at::Tensor& x) {
  return x / x.norm(2, at::IntArrayRef({1}), /*keepdim=*/true).clamp_min(kLengthMin);
}

// A network, what its optimizer remembers, and its twins for threads.
struct Tower {
  Tower(TrainableNetwork plan, uint64_t seed, size_t parts) : network(std::move(plan), seed) {
    first = at::zeros_like(network.parameters().flat());
    second = at::zeros_like(first);
    for (size_t i = 1; i < parts; ++i) replicas.push_back(network.replica());
  }
  TorchNetwork& part(size_t i) { return i == 0 ? network : replicas[i - 1]; }
  void zero_gradients() {
    network.parameters().zero_gradients();
    for (TorchNetwork& replica : replicas) replica.parameters().zero_gradients();
  }
  void step(const StepOptions& options) {
    const c10::NoGradGuard no_gradients;
    at::Tensor gradients = network.parameters().gradients();
    for (TorchNetwork& replica : replicas) gradients.add_(replica.parameters().gradients());
    const auto span_of = [](const at::Tensor& tensor) {
      return std::span<float>(tensor.mutable_data_ptr<float>(),
                              static_cast<size_t>(tensor.numel()));
    };
    take_step(
        {span_of(network.parameters().flat()), span_of(gradients), span_of(first), span_of(second)},
        options);
  }
  TorchNetwork network;
  std::vector<TorchNetwork> replicas;
  at::Tensor first, second;
};

// A table and which of its rows are trained.
struct Table {
  Table(const SparseField& field, const TableOptions& options, uint64_t seed)
      : table(field, options, seed), pooling(field.pooling), touched(field.rows, 0) {}
  at::Tensor gather(const Bags& bags, ThreadPool& pool) const {
    at::Tensor rows = at::empty(
        {static_cast<int64_t>(bags.start.size() - 1), static_cast<int64_t>(table.width())});
    table.gather(bags.view(), {rows.mutable_data_ptr<float>(), static_cast<size_t>(rows.numel())},
                 /*averaged=*/false, pool);
    return rows;
  }
  void update(const Bags& bags, const at::Tensor& gradients, const StepOptions& options,
              ThreadPool& pool) {
    if (!gradients.defined()) return;
    const at::Tensor all = gradients.contiguous();
    table.update(bags.view(), {all.const_data_ptr<float>(), static_cast<size_t>(all.numel())},
                 options, pool);
    for (const uint32_t id : bags.ids) touched[id] = 1;
  }
  TrainedTable table;
  Pooling pooling;
  std::vector<uint8_t> touched;
};

struct Range {
  int64_t begin = 0, end = 0;
  [[nodiscard]] int64_t size() const { return end - begin; }
  [[nodiscard]] at::Tensor of(const at::Tensor& all) const { return all.narrow(0, begin, size()); }
};

}  // namespace

struct TowerTrainer::State {
  State(TowerNetworks networks, const TowerExamples& data, const TowerOptions& with, ThreadPool& on)
      : examples(data),
        options(with),
        pool(&on),
        batches(data, with.batches),
        profile(networks.user.spec.sparse[0], with.table, with.seed + 11),
        user(std::move(networks.user), with.seed, with.parts) {
    for (size_t f = 0; f < kItemTables; ++f) {
      tables.emplace_back(networks.item.spec.sparse[f], with.table, with.seed + 1 + f);
    }
    item.emplace(std::move(networks.item), with.seed + 7, with.parts);
    if (data.vector_width > 0) learn_scale();
    double count = static_cast<double>(std::max<size_t>(1, batches.liked_items()));
    for (const double frequency : batches.frequency()) {
      log_q.push_back(
          static_cast<float>(log_inclusion(frequency, static_cast<double>(with.batches.rows - 1),
                                           static_cast<double>(with.batches.negatives), count)));
    }
  }

  // What becomes of a batch's items.
  struct Items {
    std::vector<Bags> bags = std::vector<Bags>(kItemTables);
    std::vector<TorchNetwork::Input> inputs;  // by part
    std::vector<Range> ranges;
    std::vector<at::Tensor> vectors;  // by part, with their graphs
    at::Tensor all;                   // the same, detached
  };

  [[nodiscard]] Range range(size_t part, size_t rows) const {
    return {static_cast<int64_t>(rows * part / options.parts),
            static_cast<int64_t>(rows * (part + 1) / options.parts)};
  }
  void learn_scale();
  [[nodiscard]] at::Tensor given_vectors(std::span<const uint32_t> items) const;
  Items forward_items(std::span<const uint32_t> items);
  double backward_users(const TowerBatch& batch, const Items& items, at::Tensor& gradient);
  at::Tensor loss_of(size_t part, const TowerBatch& batch, const at::Tensor& vectors,
                     const at::Tensor& profiles);
  void backward_items(Items& items, const at::Tensor& gradient);
  double step(const TowerBatch& batch);
  double text_step(std::span<const uint32_t> items, uint64_t stream);

  const TowerExamples& examples;
  TowerOptions options;
  ThreadPool* pool;
  TowerBatches batches;
  Table profile;
  std::vector<Table> tables;
  Tower user;
  std::optional<Tower> item;
  std::vector<float> log_q;  // by item
  std::vector<float> mean, scale;
  int64_t steps = 0, dense_steps = 0;  // those of texts alone are none of the networks
  uint64_t epochs = 0, text_epochs = 0;
};

// Of each number of the given vectors.
void TowerTrainer::State::learn_scale() {
  const size_t width = examples.vector_width;
  std::vector<double> sum(width), squares(width);
  double count = 0;
  for (size_t row = 0; row < examples.items(); ++row) {
    const float* values = &examples.vectors[row * width];
    if (!std::isfinite(values[0])) continue;
    ++count;
    for (size_t i = 0; i < width; ++i) {
      sum[i] += values[i];
      squares[i] += static_cast<double>(values[i]) * values[i];
    }
  }
  for (size_t i = 0; i < width; ++i) {
    const double middle = count > 0 ? sum[i] / count : 0;
    const double variance = count > 0 ? squares[i] / count - middle * middle : 0;
    mean.push_back(static_cast<float>(middle));
    scale.push_back(static_cast<float>(variance > 1e-12 ? 1 / std::sqrt(variance) : 1));
  }
}

at::Tensor TowerTrainer::State::given_vectors(std::span<const uint32_t> items) const {
  const size_t width = examples.vector_width;
  at::Tensor out = at::empty({static_cast<int64_t>(items.size()), static_cast<int64_t>(width)});
  auto* to = out.mutable_data_ptr<float>();
  for (const uint32_t each : items) {
    for (size_t i = 0; i < width; ++i) {
      const float value = (examples.vectors[each * width + i] - mean[i]) * scale[i];
      *to++ = std::isfinite(value) ? value : 0;
    }
  }
  return out;
}

TowerTrainer::State::Items TowerTrainer::State::forward_items(std::span<const uint32_t> list) {
  Items out;
  Philox random(options.seed ^ 0x2545f4914f6cdd1dU, static_cast<uint64_t>(steps));
  for (const uint32_t each : list) {
    const bool dropped = options.id_dropout > 0 && random.uniform() < options.id_dropout;
    const uint32_t row = dropped ? 0 : 1 + each;
    out.bags[kItem].add({&row, 1});
    out.bags[kTerms].add(examples.terms.of(each));
    out.bags[kSubwords].add(examples.words(each));
  }
  std::vector<at::Tensor> rows;
  for (size_t f = 0; f < kItemTables; ++f) rows.push_back(tables[f].gather(out.bags[f], *pool));
  const at::Tensor given = examples.vector_width > 0 ? given_vectors(list) : at::Tensor();
  out.inputs.resize(options.parts);
  out.vectors.resize(options.parts);
  for (size_t p = 0; p < options.parts; ++p) out.ranges.push_back(range(p, list.size()));
  for_all_blocks(*pool, options.parts, [&](size_t p) {
    at::set_num_threads(1);
    TorchNetwork::Input& input = out.inputs[p];
    for (const at::Tensor& all : rows) {
      input.embedded.push_back(out.ranges[p].of(all).detach().set_requires_grad(true));
      input.start.emplace_back();
    }
    if (given.defined()) input.dense.push_back(out.ranges[p].of(given));
    const at::Tensor vectors = item->part(p).forward(input, std::nullopt)[0];
    out.vectors[p] = options.normalize ? of_length_one(vectors) : vectors;
  });
  std::vector<at::Tensor> detached;
  for (const at::Tensor& part : out.vectors) detached.push_back(part.detach());
  out.all = at::cat(detached);
  return out;
}

// A part's rows: their users' vectors against the columns' items.
at::Tensor TowerTrainer::State::loss_of(size_t p, const TowerBatch& batch,
                                        const at::Tensor& vectors, const at::Tensor& profiles) {
  const Range rows = range(p, batch.users.size());
  const int64_t first = batch.history_start[static_cast<size_t>(rows.begin)];
  const int64_t count = batch.history_start[static_cast<size_t>(rows.end)] - first;
  at::Tensor ids = at::empty({count}, at::kLong), offsets = at::empty({rows.size()}, at::kLong);
  at::Tensor weights = at::empty({count});
  std::copy_n(batch.history.begin() + first, count, ids.mutable_data_ptr<int64_t>());
  std::copy_n(batch.weights.begin() + first, count, weights.mutable_data_ptr<float>());
  for (int64_t row = 0; row < rows.size(); ++row) {
    offsets.mutable_data_ptr<int64_t>()[row] =
        batch.history_start[static_cast<size_t>(rows.begin + row)] - first;
  }
  TorchNetwork::Input input;
  input.dense.push_back(std::get<0>(at::embedding_bag(vectors, ids, offsets, false, /*mode=*/0,
                                                      /*sparse=*/false, weights)));
  input.embedded.push_back(profiles);
  input.start.emplace_back();
  at::Tensor users = user.part(p).forward(input, std::nullopt)[0];
  if (options.normalize) users = of_length_one(users);
  SampledColumns columns{
      .log_q = at::empty({static_cast<int64_t>(batch.columns)}),
      .targets = std::span(batch.targets)
                     .subspan(static_cast<size_t>(rows.begin), static_cast<size_t>(rows.size())),
      .not_negative = {},
      .temperature = options.temperature};
  for (size_t i = 0; i < batch.columns; ++i) {
    columns.log_q.mutable_data_ptr<float>()[i] = log_q[batch.items[i]];
  }
  std::vector<std::pair<uint32_t, uint32_t>> not_negative;
  for (const auto& [row, column] : batch.not_negative) {
    if (row < rows.begin || row >= rows.end) continue;
    not_negative.emplace_back(row - static_cast<uint32_t>(rows.begin), column);
  }
  columns.not_negative = not_negative;
  const at::Tensor candidates = vectors.narrow(0, 0, static_cast<int64_t>(batch.columns));
  return sampled_softmax_loss(users, candidates, columns) / static_cast<double>(batch.users.size());
}

double TowerTrainer::State::backward_users(const TowerBatch& batch, const Items& items,
                                           at::Tensor& gradient) {
  Bags bags;
  for (const uint32_t each : batch.users) bags.add(examples.profiles.of(each));
  const at::Tensor rows = profile.gather(bags, *pool);
  std::vector<at::Tensor> leaves(options.parts), profiles(options.parts);
  std::vector<double> losses(options.parts, 0);
  for_all_blocks(*pool, options.parts, [&](size_t p) {
    at::set_num_threads(1);
    const Range mine = range(p, batch.users.size());
    if (mine.size() == 0) return;
    leaves[p] = items.all.detach().set_requires_grad(true);
    profiles[p] = mine.of(rows).detach().set_requires_grad(true);
    const at::Tensor loss = loss_of(p, batch, leaves[p], profiles[p]);
    losses[p] = loss.item<double>();
    if (std::isfinite(losses[p])) loss.backward();
  });
  double loss = 0;
  for (const double part : losses) loss += part;
  if (!std::isfinite(loss)) return loss;
  std::vector<at::Tensor> of_profiles;
  for (size_t p = 0; p < options.parts; ++p) {
    if (!leaves[p].defined()) continue;
    const at::Tensor& mine = leaves[p].grad();
    gradient = gradient.defined() ? gradient + mine : mine;
    of_profiles.push_back(profiles[p].grad());
  }
  profile.update(bags, at::cat(of_profiles), options.tables, *pool);
  return loss;
}

void TowerTrainer::State::backward_items(Items& items, const at::Tensor& gradient) {
  for_all_blocks(*pool, options.parts, [&](size_t p) {
    at::set_num_threads(1);
    if (items.ranges[p].size() > 0) items.vectors[p].backward(items.ranges[p].of(gradient));
  });
  for (size_t f = 0; f < kItemTables; ++f) {
    std::vector<at::Tensor> parts;
    for (size_t p = 0; p < options.parts; ++p) {
      if (items.ranges[p].size() > 0) parts.push_back(items.inputs[p].embedded[f].grad());
    }
    tables[f].update(items.bags[f], at::cat(parts), options.tables, *pool);
  }
}

double TowerTrainer::State::step(const TowerBatch& batch) {
  options.tables.step = ++steps;
  options.dense.step = ++dense_steps;
  user.zero_gradients();
  item->zero_gradients();
  Items items = forward_items(batch.items);
  at::Tensor gradient;
  const double loss = backward_users(batch, items, gradient);
  if (!std::isfinite(loss)) return loss;
  backward_items(items, gradient);
  user.step(options.dense);
  item->step(options.dense);
  return loss;
}

namespace {

// A text of an item, or its terms, behind all texts.
void add_view(const TowerExamples& examples, uint32_t item, uint64_t view, std::span<Bags> bags) {
  const uint64_t first = examples.text_start[item];
  const bool is_text = view < examples.text_start[item + 1] - first;
  bags[0].add(is_text ? std::span<const uint32_t>() : examples.terms.of(item));
  bags[1].add(is_text ? examples.texts.of(first + view) : std::span<const uint32_t>());
}

uint64_t views_of(const TowerExamples& examples, uint32_t item) {
  return examples.text_start[item + 1] - examples.text_start[item] +
         (examples.terms.of(item).empty() ? 0 : 1);
}

}  // namespace

double TowerTrainer::State::text_step(std::span<const uint32_t> items, uint64_t stream) {
  at::set_num_threads(1);
  Philox random(options.seed ^ 0x94d049bb133111ebU, stream);
  std::array<Bags, 4> bags;  // terms and subwords of one view, then of the other
  for (const uint32_t each : items) {
    const auto views = static_cast<uint32_t>(views_of(examples, each));
    const uint32_t one = random.below(views);
    const uint32_t other = (one + 1 + random.below(views - 1)) % views;
    add_view(examples, each, one, std::span(bags).first(2));
    add_view(examples, each, other, std::span(bags).last(2));
  }
  std::array<at::Tensor, 4> rows;
  for (size_t i = 0; i < bags.size(); ++i) {
    rows[i] = tables[kTerms + i % 2].gather(bags[i], *pool).set_requires_grad(true);
  }
  const at::Tensor one = of_length_one(rows[0] + rows[1]);
  const at::Tensor other = of_length_one(rows[2] + rows[3]);
  std::vector<int64_t> targets(items.size());
  for (size_t i = 0; i < targets.size(); ++i) targets[i] = static_cast<int64_t>(i);
  const SampledColumns columns{.log_q = at::zeros({static_cast<int64_t>(items.size())}),
                               .targets = targets,
                               .not_negative = {},
                               .temperature = kTextTemperature};
  const at::Tensor loss =
      (sampled_softmax_loss(one, other, columns) + sampled_softmax_loss(other, one, columns)) /
      (2.0 * static_cast<double>(items.size()));
  const auto value = loss.item<double>();
  if (!std::isfinite(value)) return value;
  loss.backward();
  options.tables.step = ++steps;
  for (size_t i = 0; i < bags.size(); ++i) {
    tables[kTerms + i % 2].update(bags[i], rows[i].grad(), options.tables, *pool);
  }
  return value;
}

double TowerTrainer::text_epoch() {
  State& s = *state_;
  std::vector<uint32_t> items;
  for (uint32_t item = 0; item < s.examples.items(); ++item) {
    if (views_of(s.examples, item) >= 2) items.push_back(item);
  }
  if (items.size() < 2) return 0;
  Philox random(s.options.seed ^ 0xbf58476d1ce4e5b9U, s.text_epochs);
  for (size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[random.below(static_cast<uint32_t>(i))]);
  }
  double sum = 0, rows = 0;
  for (size_t first = 0; first < items.size(); first += s.options.batches.rows) {
    const auto batch =
        std::span(items).subspan(first, std::min(s.options.batches.rows, items.size() - first));
    sum += s.text_step(batch, s.text_epochs << 40 | first) * static_cast<double>(batch.size());
    rows += static_cast<double>(batch.size());
  }
  ++s.text_epochs;
  return sum / rows;
}

double TowerTrainer::epoch() {
  State& s = *state_;
  s.batches.shuffle(s.epochs++);
  double sum = 0;
  for (size_t i = 0; i < s.batches.batches(); ++i) {
    const TowerBatch batch = s.batches.batch(i);
    sum += s.step(batch) * static_cast<double>(batch.users.size());
    if (!std::isfinite(sum)) break;
  }
  return sum / static_cast<double>(s.batches.rows());
}

size_t TowerTrainer::rows() const { return state_->batches.rows(); }

namespace {

// A row that no step has touched knows no more than row 0.
void write_table(const SparseField& field, const Table& table, ArtefactWriter& out) {
  const auto weights = table.table.weights();
  std::vector<float> rows(weights.begin(), weights.end());
  const size_t width = table.table.width();
  if (table.touched[0] == 0) std::fill_n(rows.begin(), width, 0.0F);
  for (size_t row = 1; row < table.touched.size(); ++row) {
    if (table.touched[row] == 0) std::copy_n(rows.begin(), width, rows.begin() + row * width);
  }
  out.add("table." + field.name, {table.table.rows(), width}, std::move(rows));
}

}  // namespace

void TowerTrainer::write(ArtefactWriter& out) const {
  const State& s = *state_;
  const NetworkSpec &user = s.user.network.spec(), &item = s.item->network.spec();
  write_table(user.sparse[0], s.profile, out);
  for (size_t f = 0; f < kItemTables; ++f) write_table(item.sparse[f], s.tables[f], out);
  const size_t width = user.dense[0].width;
  out.add("mean." + user.dense[0].name, {width}, std::vector<float>(width, 0.0F));
  out.add("scale." + user.dense[0].name, {width}, std::vector<float>(width, 1.0F));
  if (!item.dense.empty()) {
    out.add("mean." + item.dense[0].name, {s.mean.size()}, std::vector<float>(s.mean));
    out.add("scale." + item.dense[0].name, {s.scale.size()}, std::vector<float>(s.scale));
  }
  s.user.network.write(out);
  s.item->network.write(out);
}

Result<TowerTrainer> TowerTrainer::create(TowerNetworks networks, const TowerExamples& examples,
                                          const TowerOptions& options, ThreadPool& pool) {
  const auto& [user, item] = networks;
  TRY(user.spec.check());
  TRY(item.spec.check());
  const size_t given = examples.vector_width > 0 ? 1 : 0;
  const bool fits = user.spec.sparse.size() == 1 && user.spec.dense.size() == 1 &&
                    item.spec.sparse.size() == kItemTables && item.spec.dense.size() == given &&
                    (given == 0 || item.spec.dense[0].width == examples.vector_width) &&
                    item.spec.sparse[kItem].rows == examples.items() + 1 &&
                    user.spec.outputs.size() == 1 && item.spec.outputs.size() == 1;
  const auto width = [](const NetworkSpec& spec) { return spec.ops[spec.outputs[0].value].width; };
  if (!fits || width(user.spec) != width(item.spec)) {
    return fail(Code::kInvalidArgument,
                "the networks are not a user's and an item's tower of {} "
                "items",
                examples.items());
  }
  auto state = std::make_unique<State>(std::move(networks), examples, options, pool);
  if (state->batches.rows() == 0) {
    return fail(Code::kInvalidArgument,
                "nobody likes two items, or says something of himself: two towers have nothing to "
                "learn from");
  }
  return TowerTrainer(std::move(state));
}

TowerTrainer::TowerTrainer(std::unique_ptr<State> state) : state_(std::move(state)) {}
TowerTrainer::TowerTrainer(TowerTrainer&&) noexcept = default;
TowerTrainer::~TowerTrainer() = default;

}  // namespace palate
