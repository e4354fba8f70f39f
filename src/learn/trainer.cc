#include "learn/trainer.h"

#include <algorithm>
#include <cmath>

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include "base/check.h"
#include "learn/blocks.h"
#include "learn/gradient_surgery.h"
#include "learn/trainer_state.h"

namespace palate {
namespace {

constexpr size_t kPredictRows = 8192;
constexpr size_t kScaleRowsMax = 1 << 20;  // that mean and scale are learnt from, per shard
constexpr int64_t kStepChunk = 1 << 15;    // of dense parameters, one block of work

at::Tensor matrix(std::span<const float> values, size_t rows) {
  const auto columns = static_cast<int64_t>(rows == 0 ? 0 : values.size() / rows);
  return at::from_blob(const_cast<float*>(values.data()), {static_cast<int64_t>(rows), columns},
                       at::kFloat);
}

// What each task's sum is divided by: the weights of all rows whose label is known.
std::vector<double> total_weights(const ExampleBatch& batch, std::span<const size_t> labels) {
  std::vector<double> totals;
  for (const size_t label : labels) {
    double total = 0;
    for (size_t row = 0; row < batch.rows; ++row) {
      if (std::isfinite(batch.labels[label][row])) total += batch.weights[row];
    }
    totals.push_back(std::max(total, 1e-12));
  }
  return totals;
}

// Of rows [begin, end), from 0; none of a field that is no sequence.
std::vector<uint32_t> starts_of(const std::vector<uint32_t>& all, size_t begin, size_t end) {
  std::vector<uint32_t> part;
  if (all.empty()) return part;
  for (size_t row = begin; row <= end; ++row) part.push_back(all[row] - all[begin]);
  return part;
}

}  // namespace

TorchNetwork::Input Trainer::State::input(const BatchColumns& batch, bool averaged) {
  TorchNetwork::Input input;
  struct Gather {
    size_t table, block;
  };
  std::vector<Gather> blocks;
  for (size_t f = 0; f < tables.size(); ++f) {
    const BatchIds ids = ids_of(batch, f);
    input.embedded.push_back(
        at::empty({static_cast<int64_t>(ids.rows), static_cast<int64_t>(tables[f].width())}));
    for (size_t i = 0; i < TrainedTable::gather_blocks(ids); ++i) blocks.push_back({f, i});
    const bool sequence = network.spec().sparse[f].pooling == Pooling::kSequence;
    const auto start = batch.ids(id_column[f]).start;
    input.start.emplace_back();
    if (sequence) input.start.back().assign(start.begin(), start.end());
  }
  for_all_blocks(*pool, blocks.size(), [&](size_t i) {
    const auto& [f, block] = blocks[i];
    const at::Tensor& rows = input.embedded[f];
    tables[f].gather_block(ids_of(batch, f),
                           {rows.mutable_data_ptr<float>(), static_cast<size_t>(rows.numel())},
                           averaged, block);
  });
  for (size_t f = 0; f < scales.size(); ++f) {
    const at::Tensor raw = matrix(batch.numbers(number_column[f]), batch.rows);
    const at::Tensor scaled = (raw - scales[f].mean) * scales[f].scale;
    input.dense.push_back(at::where(at::isfinite(raw), scaled, at::zeros_like(raw)));
  }
  return input;
}

std::vector<Trainer::State::Part> Trainer::State::parts_of(const TorchNetwork::Input& input,
                                                           size_t rows) {
  // Two rows at least: a batch norm of one has no variance.
  const size_t count = std::clamp(rows / 2, size_t{1}, options.parts);
  while (replicas.size() + 1 < count) replicas.push_back(network.replica());
  std::vector<Part> parts(count);
  for (size_t i = 0; i < count; ++i) {
    Part& part = parts[i];
    part.begin = rows * i / count;
    part.end = rows * (i + 1) / count;
    part.on = i == 0 ? &network : &replicas[i - 1];
    part.on->parameters().zero_gradients();
    if (i > 0) part.on->statistics().copy_(network.statistics());
    const auto cut = [&](const at::Tensor& all) {
      return all.narrow(0, static_cast<int64_t>(part.begin),
                        static_cast<int64_t>(part.end - part.begin));
    };
    for (size_t f = 0; f < input.embedded.size(); ++f) {
      part.input.start.push_back(starts_of(input.start[f], part.begin, part.end));
      const at::Tensor mine = input.start[f].empty()
                                  ? cut(input.embedded[f])
                                  : input.embedded[f].narrow(0, input.start[f][part.begin],
                                                             part.input.start.back().back());
      part.input.embedded.push_back(mine.detach().set_requires_grad(true));
    }
    for (const at::Tensor& all : input.dense) part.input.dense.push_back(cut(all));
  }
  return parts;
}

std::vector<at::Tensor> Trainer::State::losses_of(const Part& part, const ExampleBatch& batch,
                                                  std::span<const double> weights) const {
  const size_t rows = part.end - part.begin;
  const double share = static_cast<double>(rows) / static_cast<double>(batch.rows);
  const auto column = [&](const std::vector<float>& all) {
    return matrix(std::span(all).subspan(part.begin, rows), rows).squeeze(1);
  };
  // Of the step and the part: what dropout draws is the same after a resume, and on any thread.
  const uint64_t seed = (static_cast<uint64_t>(steps) << 16 | part.begin % 65536) ^ options.seed
                                                                                        << 40;
  const std::vector<at::Tensor> values = part.on->forward(part.input, seed);
  std::vector<at::Tensor> losses;
  for (size_t i = 0; i < values.size(); ++i) {
    const Task& task = options.tasks[i];
    const at::Tensor sum = loss_of(task,
                                   {values[i], column(batch.labels[label_column[i]]),
                                    column(batch.weights), part.on->thresholds(i)},
                                   label_scales[i]);
    at::Tensor loss = sum * (task.weight / weights[i]);
    if (options.balance == Balance::kUncertainty) {
      const at::Tensor log_variance = part.on->log_variances()[static_cast<int64_t>(i)];
      const bool quantity = task.loss == Loss::kSquared || task.loss == Loss::kHuber;
      loss = (quantity ? 0.5 : 1.0) * at::exp(-log_variance) * loss + share / 2 * log_variance;
    }
    if (options.groups.weight > 0 && task.loss == Loss::kBinary) {
      const auto group = std::span(batch.ids[group_column]).subspan(part.begin, rows);
      loss = loss + options.groups.weight * share * gap_penalty(at::sigmoid(values[i]), group);
    }
    losses.push_back(loss);
  }
  return losses;
}

void Trainer::State::differentiate(Part& part, const ExampleBatch& batch,
                                   std::span<const double> weights) const {
  const std::vector<at::Tensor> losses = losses_of(part, batch, weights);
  at::Tensor loss = losses.front();
  for (size_t i = 1; i < losses.size(); ++i) loss = loss + losses[i];
  part.loss = loss.item<double>();
  if (!std::isfinite(part.loss)) return;
  if (options.balance != Balance::kPcgrad) return loss.backward();
  differentiate_apart(part, losses);
}

void Trainer::State::differentiate_apart(Part& part, const std::vector<at::Tensor>& losses) const {
  for (const at::Tensor& loss : losses) {
    part.on->parameters().zero_gradients();
    loss.backward({}, /*retain_graph=*/true);
    TaskGradient& mine = part.tasks.emplace_back();
    mine.dense = part.on->parameters().gradients().clone();
    for (at::Tensor& embedded : part.input.embedded) {
      mine.embedded.push_back(embedded.grad());
      embedded.mutable_grad() = at::Tensor();
    }
  }
}

// What the tasks' gradients are over all parts is weighed the same in each of them.
void Trainer::State::balance_gradients(std::vector<Part>& parts) const {
  const c10::NoGradGuard no_gradients;
  const size_t tasks = parts.front().tasks.size();
  std::vector<at::Tensor> dense(tasks);
  for (size_t i = 0; i < tasks; ++i) {
    for (const Part& part : parts) {
      const at::Tensor& mine = part.tasks[i].dense;
      dense[i] = dense[i].defined() ? dense[i] + mine : mine;
    }
  }
  const auto product = [](const at::Tensor& a, const at::Tensor& b) {
    return a.defined() && b.defined() ? (a * b).sum().item<double>() : 0.0;
  };
  std::vector<double> inner(tasks * tasks);
  for (size_t at = 0; at < inner.size(); ++at) {
    const size_t i = at / tasks, j = at % tasks;
    inner[at] = product(dense[i], dense[j]);
    for (const Part& part : parts) {
      for (size_t f = 0; f < part.input.embedded.size(); ++f) {
        inner[at] += product(part.tasks[i].embedded[f], part.tasks[j].embedded[f]);
      }
    }
  }
  const auto weights =
      pcgrad_weights(inner, tasks, options.seed << 32 ^ static_cast<uint64_t>(steps));
  for (Part& part : parts) {
    part.on->parameters().zero_gradients();
    for (size_t i = 0; i < tasks; ++i) {
      part.on->parameters().gradients().add_(part.tasks[i].dense, weights[i]);
      for (size_t f = 0; f < part.input.embedded.size(); ++f) {
        const at::Tensor& mine = part.tasks[i].embedded[f];
        at::Tensor& sum = part.input.embedded[f].mutable_grad();
        if (mine.defined()) sum = sum.defined() ? sum + weights[i] * mine : weights[i] * mine;
      }
    }
  }
}

// Of all parts, in their order: dense gradients and statistics of batch norms into the network's.
void Trainer::State::gather_gradients(const std::vector<Part>& parts) {
  const c10::NoGradGuard no_gradients;
  for (size_t i = 1; i < parts.size(); ++i) {
    network.parameters().gradients().add_(parts[i].on->parameters().gradients());
    network.statistics().add_(parts[i].on->statistics());
  }
  if (parts.size() > 1) network.statistics().div_(static_cast<double>(parts.size()));
}

double Trainer::step(const ExampleBatch& batch, double rate) {
  State& s = *state_;
  PALATE_CHECK(!s.finished, "a step of a finished trainer");
  ++s.steps;
  const BatchColumns columns(batch);
  const at::Tensor statistics = s.network.statistics().clone();
  std::vector<State::Part> parts = s.parts_of(s.input(columns, /*averaged=*/false), batch.rows);
  const std::vector<double> weights = total_weights(batch, s.label_column);
  const size_t threads = parts.size() > 1 ? 1 : s.pool->size();
  // Here, too: threads of LibTorch that wait for more spin, and take time from the pool's.
  at::set_num_threads(static_cast<int>(threads));
  for_all_blocks(*s.pool, parts.size(), [&](size_t i) {
    at::set_num_threads(static_cast<int>(threads));
    s.differentiate(parts[i], batch, weights);
  });
  double loss = 0;
  for (const State::Part& part : parts) loss += part.loss;
  if (!std::isfinite(loss)) {  // nothing is spoilt by it
    s.network.statistics().copy_(statistics);
    return loss;
  }
  if (s.options.balance == Balance::kPcgrad) s.balance_gradients(parts);
  s.gather_gradients(parts);
  s.step_dense(rate);
  s.step_tables(columns, parts, rate);
  return loss;
}

void Trainer::State::step_tables(const BatchColumns& columns, const std::vector<Part>& parts,
                                 double rate) {
  StepOptions step = options.tables;
  step.learning_rate *= rate;
  step.step = steps;
  struct Updated {
    size_t table;
    std::vector<at::Tensor> gradients;  // of the parts
    std::optional<TrainedTable::Update> update = {};
  };
  std::vector<Updated> all;
  for (size_t f = 0; f < tables.size(); ++f) {
    if (!parts.front().input.embedded[f].grad().defined()) continue;  // no output depends on it
    all.push_back({f, {}});
    for (const Part& part : parts) {
      all.back().gradients.push_back(part.input.embedded[f].grad().contiguous());
    }
  }
  for_all_blocks(*pool, all.size(), [&](size_t i) {
    std::vector<std::span<const float>> runs;
    for (const at::Tensor& one : all[i].gradients) {
      runs.emplace_back(one.const_data_ptr<float>(), static_cast<size_t>(one.numel()));
    }
    const BatchIds ids = ids_of(columns, all[i].table);
    all[i].update = tables[all[i].table].start_update(ids, runs, step);
  });
  constexpr size_t kParts = TrainedTable::kUpdateParts;
  for_all_blocks(*pool, all.size() * kParts, [&](size_t i) {
    Updated& one = all[i / kParts];
    tables[one.table].update_part(*one.update, i % kParts);
  });
}

void Trainer::State::step_dense(double rate) {
  const c10::NoGradGuard no_gradients;
  Parameters& parameters = network.parameters();
  const auto span_of = [](const at::Tensor& tensor, int64_t begin, int64_t size) {
    return std::span<float>(tensor.mutable_data_ptr<float>() + begin, static_cast<size_t>(size));
  };
  if (options.clip_norm > 0) {
    const auto norm = parameters.gradients().norm().item<double>();
    if (norm > options.clip_norm) parameters.gradients().mul_(options.clip_norm / norm);
  }
  StepOptions step = options.dense;
  step.learning_rate *= rate;
  step.step = steps;
  const auto take = [&](int64_t begin, int64_t size) {
    take_step(
        {span_of(parameters.flat(), begin, size), span_of(parameters.gradients(), begin, size),
         span_of(first, begin, size), span_of(second, begin, size)},
        step);
  };
  if (step.rule == Rule::kLamb) {  // each parameter has a length of its own
    const auto places = parameters.places();
    for_all_blocks(*pool, places.size(), [&](size_t i) { take(places[i].begin, places[i].size); });
  } else {
    const int64_t all = parameters.flat().numel();
    for_all_blocks(*pool, static_cast<size_t>((all + kStepChunk - 1) / kStepChunk), [&](size_t i) {
      const int64_t begin = static_cast<int64_t>(i) * kStepChunk;
      take(begin, std::min(kStepChunk, all - begin));
    });
  }
  if (options.table.average > 0) {
    const double towards = 1 - options.table.average;
    average.lerp_(parameters.flat(), towards);
    average_statistics.lerp_(network.statistics(), towards);
  }
}

std::vector<std::vector<double>> Trainer::predict(const Examples& examples) const {
  State& s = *state_;
  const c10::NoGradGuard no_gradients;
  std::vector<std::vector<double>> out(s.network.spec().outputs.size());
  const ServedParameters served(s);
  at::set_num_threads(static_cast<int>(s.pool->size()));
  ExampleBatches batches({examples}, {.rows = kPredictRows, .shuffle = false}, 0);
  while (const ExampleBatch* batch = batches.next()) {
    const BatchColumns columns(*batch);
    const auto values = s.network.forward(s.input(columns, s.averages()), std::nullopt);
    for (size_t i = 0; i < out.size(); ++i) {
      const at::Tensor plain = values[i].contiguous();
      const float* data = plain.const_data_ptr<float>();
      out[i].insert(out[i].end(), data, data + plain.numel());
    }
  }
  return out;
}

// Of a label that is a quantity, over the rows that know it.
void Trainer::State::learn_label_scale(size_t output, std::span<const Examples> examples) {
  double sum = 0, squares = 0, count = 0;
  for (const Examples& shard : examples) {
    for (const float label : shard.label(label_column[output])) {
      if (!std::isfinite(label)) continue;
      sum += label;
      squares += static_cast<double>(label) * label;
      ++count;
    }
  }
  if (count == 0) return;
  const double mean = sum / count, variance = squares / count - mean * mean;
  label_scales[output] = {mean, variance > 1e-12 ? std::sqrt(variance) : 1};
}

void Trainer::learn_scales(std::span<const Examples> examples) {
  State& s = *state_;
  for (size_t i = 0; i < s.options.tasks.size(); ++i) {
    const Loss loss = s.options.tasks[i].loss;
    if (loss == Loss::kSquared || loss == Loss::kHuber) s.learn_label_scale(i, examples);
  }
  for (size_t f = 0; f < s.scales.size(); ++f) {
    const size_t width = s.network.spec().dense[f].width;
    std::vector<double> sum(width), squares(width), count(width);
    for (const Examples& shard : examples) {
      const size_t stride = std::max(shard.rows() / kScaleRowsMax, size_t{1});
      for (size_t row = 0; row < shard.rows(); row += stride) {
        const auto numbers = shard.numbers(s.number_column[f], row);
        for (size_t i = 0; i < width; ++i) {
          if (!std::isfinite(numbers[i])) continue;
          sum[i] += numbers[i];
          squares[i] += static_cast<double>(numbers[i]) * numbers[i];
          ++count[i];
        }
      }
    }
    auto* mean = s.scales[f].mean.mutable_data_ptr<float>();
    auto* scale = s.scales[f].scale.mutable_data_ptr<float>();
    for (size_t i = 0; i < width; ++i) {
      const double middle = count[i] > 0 ? sum[i] / count[i] : 0;
      const double variance = count[i] > 0 ? squares[i] / count[i] - middle * middle : 0;
      mean[i] = static_cast<float>(middle);
      scale[i] = static_cast<float>(variance > 1e-12 ? 1 / std::sqrt(variance) : 1);
    }
  }
}

Trainer::Trainer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Trainer::Trainer(Trainer&&) noexcept = default;
Trainer& Trainer::operator=(Trainer&&) noexcept = default;
Trainer::~Trainer() = default;

int64_t Trainer::steps() const { return state_->steps; }
const NetworkSpec& Trainer::spec() const { return state_->network.spec(); }
TorchNetwork& Trainer::network() { return state_->network; }
std::span<const LabelScale> Trainer::label_scales() const { return state_->label_scales; }
const std::string& Trainer::group_column() const { return state_->options.groups.column; }
const std::vector<Task>& Trainer::tasks() const { return state_->options.tasks; }

}  // namespace palate
