// How a trainer goes on from what another one has written, and what becomes of rows of tables that
// it has never read.
#include <algorithm>

#include <c10/core/GradMode.h>

#include "base/check.h"
#include "infer/network_weights.h"
#include "infer/same_network.h"
#include "learn/trainer_state.h"

namespace palate {
namespace {

Status copy_into(const Artefact& from, std::string_view name, at::Tensor& to) {
  const auto values = from.vector<float>(name);
  if (!values || values->size() != static_cast<size_t>(to.numel())) {
    return fail(Code::kConflict, "{} does not say '{}' as this network has it",
                from.path().string(), name);
  }
  std::ranges::copy(*values, to.mutable_data_ptr<float>());
  return {};
}

}  // namespace

Status Trainer::start_from(const Artefact& network) {
  State& s = *state_;
  PALATE_CHECK(s.steps == 0, "a start after the first step");
  const c10::NoGradGuard no_gradients;
  const NetworkSpec& spec = s.network.spec();
  const NetworkSpec before = TRY(network_spec_of(network));
  if (const std::string differs = difference_of(spec, before); !differs.empty()) {
    return fail(Code::kConflict, "{} is another network: {}", network.path().string(), differs);
  }
  at::Tensor flat = s.network.parameters().flat(), statistics = s.network.statistics();
  TRY(copy_into(network, kTrainedParameters, flat));
  TRY(copy_into(network, kTrainedStatistics, statistics));
  if (s.average.defined()) {
    s.average.copy_(flat);
    s.average_statistics.copy_(statistics);
  }
  for (size_t f = 0; f < s.scales.size(); ++f) {
    TRY(copy_into(network, "mean." + spec.dense[f].name, s.scales[f].mean));
    TRY(copy_into(network, "scale." + spec.dense[f].name, s.scales[f].scale));
  }
  for (size_t i = 0; i < s.label_scales.size(); ++i) {
    const Loss loss = s.options.tasks[i].loss;
    if (loss != Loss::kSquared && loss != Loss::kHuber) continue;
    s.label_scales[i] = {before.outputs[i].shift, before.outputs[i].slope};
  }
  for (size_t f = 0; f < s.tables.size(); ++f) {
    TrainedTable& table = s.tables[f];
    const auto found = network.tensor("table." + spec.sparse[f].name, DType::kF32, 2);
    if (!found) return std::unexpected(found.error().within("training goes on in fp32"));
    const TensorView& view = *found;
    if (view.shape[0] != table.rows() || view.shape[1] != table.width()) {
      return fail(Code::kConflict, "{}: the table of '{}' has {} rows, the examples have {}",
                  network.path().string(), spec.sparse[f].name, view.shape[0], table.rows());
    }
    table.start_at(
        {reinterpret_cast<const float*>(view.bytes.data()), table.rows() * table.width()});
  }
  s.started = true;
  return {};
}

void Trainer::settle_unread(std::span<const Examples> training) {
  State& s = *state_;
  PALATE_CHECK(s.finished, "rows settle once training is over");
  if (s.started) return;
  for (size_t f = 0; f < s.tables.size(); ++f) {
    TrainedTable& table = s.tables[f];
    std::vector<uint8_t> read(table.rows());
    for (const Examples& shard : training) {
      for (size_t row = 0; row < shard.rows(); ++row) {
        for (const uint32_t id : shard.ids(s.id_column[f], row)) read[id] = 1;
      }
    }
    table.settle(read);
  }
}

}  // namespace palate
