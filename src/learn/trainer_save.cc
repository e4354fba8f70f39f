// What a trainer gives away: snapshots, checkpoints, and the network that is served.
#include <c10/core/GradMode.h>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "learn/trainer_state.h"

namespace palate {
namespace {

using Json = nlohmann::json;

std::vector<float> floats(const at::Tensor& tensor) {
  const at::Tensor plain = tensor.detach().contiguous();
  const float* data = plain.const_data_ptr<float>();
  return {data, data + plain.numel()};
}

template <class T>
void add(ArtefactWriter& out, const std::string& name, std::vector<T> values) {
  const uint64_t size = values.size();
  out.add(name, {size}, std::move(values));
}

// Into memory of the same length. Errors: kCorrupt.
template <class T>
Status read_into(const Artefact& from, const std::string& name, std::vector<T>& to, size_t size) {
  const auto values = TRY(from.vector<T>(name));
  if (values.size() != size) {
    return fail(Code::kCorrupt, "checkpoint: {} has {} numbers, {} are wanted", name, values.size(),
                size);
  }
  to.assign(values.begin(), values.end());
  return {};
}

Status read_into(const Artefact& from, const std::string& name, at::Tensor& to) {
  std::vector<float> values;
  TRY(read_into(from, name, values, static_cast<size_t>(to.numel())));
  std::ranges::copy(values, to.mutable_data_ptr<float>());
  return {};
}

std::string of_table(const SparseField& field, const char* what) {
  return fmt::format("state.{}.{}", field.name, what);
}

}  // namespace

ServedParameters::ServedParameters(Trainer::State& state) : state_(state) {
  if (!state.averages()) return;
  const c10::NoGradGuard no_gradients;
  flat_ = state.network.parameters().flat().clone();
  statistics_ = state.network.statistics().clone();
  state.network.parameters().flat().copy_(state.average);
  state.network.statistics().copy_(state.average_statistics);
}

ServedParameters::~ServedParameters() {
  if (!flat_.defined()) return;
  const c10::NoGradGuard no_gradients;
  state_.network.parameters().flat().copy_(flat_);
  state_.network.statistics().copy_(statistics_);
}

std::shared_ptr<const Trainer::Snapshot> Trainer::snapshot() const {
  State& s = *state_;
  const c10::NoGradGuard no_gradients;
  const ServedParameters served(s);
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->flat = s.network.parameters().flat().clone();
  snapshot->statistics = s.network.statistics().clone();
  for (const TrainedTable& table : s.tables) {
    const auto weights = table.weights();
    snapshot->tables.push_back(s.averages() ? table.averaged()
                                            : std::vector<float>(weights.begin(), weights.end()));
  }
  return snapshot;
}

void Trainer::finish(const Snapshot& snapshot) {
  State& s = *state_;
  const c10::NoGradGuard no_gradients;
  s.network.parameters().flat().copy_(snapshot.flat);
  s.network.statistics().copy_(snapshot.statistics);
  for (size_t f = 0; f < s.tables.size(); ++f) s.tables[f].set_weights(snapshot.tables[f]);
  s.finished = true;
}

void Trainer::write(ArtefactWriter& out) const {
  State& s = *state_;
  const ServedParameters served(s);
  const NetworkSpec& spec = s.network.spec();
  for (size_t f = 0; f < s.tables.size(); ++f) {
    const auto weights = s.tables[f].weights();
    out.add(
        "table." + spec.sparse[f].name, {s.tables[f].rows(), s.tables[f].width()},
        s.averages() ? s.tables[f].averaged() : std::vector<float>(weights.begin(), weights.end()));
  }
  for (size_t f = 0; f < s.scales.size(); ++f) {
    add(out, "mean." + spec.dense[f].name, floats(s.scales[f].mean));
    add(out, "scale." + spec.dense[f].name, floats(s.scales[f].scale));
  }
  s.network.write(out);
  // Before batch norms are folded in: what start_from() goes on from.
  add(out, std::string(kTrainedParameters), floats(s.network.parameters().flat()));
  add(out, std::string(kTrainedStatistics), floats(s.network.statistics()));
}

std::vector<Output> Trainer::outputs() const {
  State& s = *state_;
  const ServedParameters served(s);
  std::vector<Output> outputs = s.network.spec().outputs;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Loss loss = s.options.tasks[i].loss;
    if (loss == Loss::kOrdinal) outputs[i].thresholds = floats(s.network.thresholds(i));
    if (loss != Loss::kSquared && loss != Loss::kHuber) continue;
    outputs[i].slope = static_cast<float>(s.label_scales[i].deviation);
    outputs[i].shift = static_cast<float>(s.label_scales[i].mean);
  }
  return outputs;
}

void Trainer::save(ArtefactWriter& out, const Snapshot* beside) const {
  const State& s = *state_;
  const NetworkSpec& spec = s.network.spec();
  out.manifest.kind = "training_state";
  out.manifest.seed = s.options.seed;
  out.manifest.config_json = spec.to_json();
  add(out, "step", std::vector<int64_t>{s.steps});
  add(out, "flat", floats(s.network.parameters().flat()));
  add(out, "statistics", floats(s.network.statistics()));
  add(out, "first", floats(s.first));
  add(out, "second", floats(s.second));
  if (s.average.defined()) {
    add(out, "average", floats(s.average));
    add(out, "average_statistics", floats(s.average_statistics));
  }
  for (size_t f = 0; f < s.scales.size(); ++f) {
    add(out, "mean." + spec.dense[f].name, floats(s.scales[f].mean));
    add(out, "scale." + spec.dense[f].name, floats(s.scales[f].scale));
  }
  std::vector<double> scales;
  for (const LabelScale& scale : s.label_scales) {
    scales.push_back(scale.mean);
    scales.push_back(scale.deviation);
  }
  add(out, "label_scales", std::move(scales));
  for (size_t f = 0; f < s.tables.size(); ++f) {
    TrainedTable::State state = s.tables[f].state();
    add(out, of_table(spec.sparse[f], "weights"), std::move(state.weights));
    add(out, of_table(spec.sparse[f], "first"), std::move(state.first));
    add(out, of_table(spec.sparse[f], "second"), std::move(state.second));
    add(out, of_table(spec.sparse[f], "average"), std::move(state.average));
    add(out, of_table(spec.sparse[f], "touched"), std::move(state.touched));
  }
  if (beside == nullptr) return;
  add(out, "beside.flat", floats(beside->flat));
  add(out, "beside.statistics", floats(beside->statistics));
  for (size_t f = 0; f < s.tables.size(); ++f) {
    add(out, "beside." + spec.sparse[f].name, beside->tables[f]);
  }
}

namespace {

Status resume_table(const Artefact& from, const SparseField& field, int64_t step,
                    TrainedTable& table) {
  const size_t size = table.rows() * table.width();
  TrainedTable::State state;
  TRY(read_into(from, of_table(field, "weights"), state.weights, size));
  TRY(read_into(from, of_table(field, "touched"), state.touched, table.rows()));
  for (auto [name, to] :
       {std::pair{"first", &state.first}, {"second", &state.second}, {"average", &state.average}}) {
    const auto values = TRY(from.vector<float>(of_table(field, name)));
    if (!values.empty() && values.size() != size && values.size() != table.rows()) {
      return fail(Code::kCorrupt, "checkpoint: {} of {} has {} numbers", name, field.name,
                  values.size());
    }
    to->assign(values.begin(), values.end());
  }
  state.step = step;
  table.restore(std::move(state));
  return {};
}

}  // namespace

Result<std::shared_ptr<const Trainer::Snapshot>> Trainer::resume(const Artefact& artefact) {
  State& s = *state_;
  const c10::NoGradGuard no_gradients;
  const NetworkSpec& spec = s.network.spec();
  if (artefact.manifest().kind != "training_state" ||
      artefact.manifest().config_json != spec.to_json() ||
      artefact.manifest().seed != s.options.seed) {
    return fail(Code::kInvalidArgument,
                "{} is a checkpoint of another network or seed: remove it, or name another place",
                artefact.path().string());
  }
  s.steps = TRY(artefact.vector<int64_t>("step")).front();
  at::Tensor flat = s.network.parameters().flat(), statistics = s.network.statistics();
  TRY(read_into(artefact, "flat", flat));
  TRY(read_into(artefact, "statistics", statistics));
  TRY(read_into(artefact, "first", s.first));
  TRY(read_into(artefact, "second", s.second));
  if (s.average.defined()) {
    TRY(read_into(artefact, "average", s.average));
    TRY(read_into(artefact, "average_statistics", s.average_statistics));
  }
  for (size_t f = 0; f < s.scales.size(); ++f) {
    TRY(read_into(artefact, "mean." + spec.dense[f].name, s.scales[f].mean));
    TRY(read_into(artefact, "scale." + spec.dense[f].name, s.scales[f].scale));
  }
  std::vector<double> label_scales;
  TRY(read_into(artefact, "label_scales", label_scales, 2 * s.label_scales.size()));
  for (size_t i = 0; i < s.label_scales.size(); ++i) {
    s.label_scales[i] = {label_scales[2 * i], label_scales[2 * i + 1]};
  }
  for (size_t f = 0; f < s.tables.size(); ++f) {
    TRY(resume_table(artefact, spec.sparse[f], s.steps, s.tables[f]));
  }
  if (!artefact.vector<float>("beside.flat")) return nullptr;
  auto beside = std::make_shared<Snapshot>();
  beside->flat = at::zeros_like(flat);
  beside->statistics = at::zeros_like(statistics);
  TRY(read_into(artefact, "beside.flat", beside->flat));
  TRY(read_into(artefact, "beside.statistics", beside->statistics));
  beside->tables.resize(s.tables.size());
  for (size_t f = 0; f < s.tables.size(); ++f) {
    const size_t size = s.tables[f].rows() * s.tables[f].width();
    TRY(read_into(artefact, "beside." + spec.sparse[f].name, beside->tables[f], size));
  }
  return beside;
}

}  // namespace palate
