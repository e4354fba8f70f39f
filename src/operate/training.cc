#include "operate/training.h"

#include <algorithm>
#include <chrono>

#include "base/memory.h"
#include "base/near_names.h"
#include "base/stop.h"
#include "ingest/import.h"
#include "lake/lake_directory.h"
#include "models/train_catalog.h"

namespace palate {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Status check_dataset_memory(DataDirectory& data) {
  uint64_t events = 0;
  for (const Position& end : TRY(data.log().ends())) {
    if (end.stream == Stream::kEvents) events += end.offset;
  }
  return check_memory(dataset_memory_bytes(events, data.state().catalogue().view().size()),
                      fmt::format("a dataset of {} events", events),
                      "Train on a machine, or in a control group, that has more.");
}

Result<Dataset> read_log(const TrainingRoom& room) {
  Dataset::Source source;
  source.log = &room.data.log();
  source.types = &room.types;
  source.hash = &room.data.hash();
  source.time = TRY(weakest_time(room.data));
  return Dataset::build(source, room.pool, room.stop);
}

Result<Dataset> read_lake(const TrainingRoom& room) {
  const lake::LakeDirectory directory(room.data.root() / "lake");
  return Dataset::build({&directory, &room.types, &room.data.hash(), TRY(weakest_time(room.data))},
                        room.pool, room.stop);
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

uint64_t dataset_memory_bytes(uint64_t events, uint64_t items) {
  // A row as it is decoded, with its user, and once more in its place; blocks are freed one by one,
  // but the allocator may keep them.
  constexpr uint64_t kEventBytes = 2 * sizeof(HistoryEntry) + sizeof(uint32_t);
  constexpr uint64_t kItemBytes = 128;
  constexpr uint64_t kWindowBytes = uint64_t{32} << 20;  // blocks on their way
  return events * kEventBytes + items * kItemBytes + kWindowBytes;
}

Result<Dataset> build_dataset(const TrainingRoom& room) {
  TRY(check_dataset_memory(room.data));
  auto dataset = TRY(room.from_lake ? read_lake(room) : read_log(room));
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

  // All of them before the first begins, which may take an hour.
  const TrainSizes sizes{dataset.users(), dataset.items(), dataset.interactions(),
                         room.pool.size()};
  for (const std::string& kind : kinds) {
    TRY(check_training_memory(kind, sizes, room.configs));
  }

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
