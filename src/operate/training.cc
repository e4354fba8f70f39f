#include "operate/training.h"

#include <algorithm>
#include <chrono>

#include "base/near_names.h"
#include "base/stop.h"
#include "ingest/import.h"
#include "models/train_catalog.h"

namespace palate {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Status check_kinds(const std::vector<std::string>& kinds) {
  std::vector<std::string> known;
  for (const TrainerEntry& entry : trainer_catalogue()) known.emplace_back(entry.kind);
  for (const std::string& kind : kinds) {
    if (std::ranges::find(known, kind) != known.end()) continue;
    return fail(Code::kNotFound, "there is no model '{}'{} Known: {}", kind,
                did_you_mean(kind, known), fmt::join(known, ", "));
  }
  return {};
}

Result<Dataset> build_dataset(const TrainingRoom& room) {
  Dataset::Source source;
  source.log = &room.data.log();
  source.types = &room.types;
  source.hash = &room.data.hash();
  source.time = TRY(weakest_time(room.data));
  auto dataset = TRY(Dataset::build(source, room.pool, room.stop));
  if (dataset.interactions() == 0) {
    return fail(Code::kUnavailable,
                "there is nothing to learn from: no event in {} says that somebody liked "
                "something. Import events, or "
                "look at the roles of your event types ([events.types.<name>] in palate.toml)",
                room.data.root().string());
  }
  return dataset;
}

Result<TrainOutcome> train_and_release(const TrainingRoom& room,
                                       const std::vector<std::string>& kinds,
                                       const std::string& note) {
  TRY(check_kinds(kinds));
  TrainOutcome outcome;
  const auto start = std::chrono::steady_clock::now();
  const Dataset dataset = TRY(build_dataset(room));
  outcome.dataset_seconds = seconds_since(start);
  outcome.users = dataset.users();
  outcome.items = dataset.items();
  outcome.interactions = dataset.interactions();
  const DatasetView everything(dataset);

  Registry registry(room.data.root());
  std::map<std::string, std::string> artefacts;
  for (const std::string& kind : kinds) {
    const auto model_start = std::chrono::steady_clock::now();
    auto writer = TRY(registry.start(kind));
    const TrainJob job{&everything, &room.configs, &room.pool, room.stop, room.seed};
    TRY(train_model(kind, job, writer));
    TRY(check_stop(room.stop));
    const TrainedModel model{kind, writer.manifest.version, 0, writer.manifest.metrics_json};
    TRY(writer.commit());
    artefacts[kind] = model.version;
    outcome.models.push_back(model);
    outcome.models.back().seconds = seconds_since(model_start);
  }
  outcome.release = TRY(registry.release(artefacts, note));
  return outcome;
}

}  // namespace palate
