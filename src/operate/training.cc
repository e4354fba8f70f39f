#include "operate/training.h"

#include <algorithm>
#include <chrono>

#include "base/memory.h"
#include "base/near_names.h"
#include "base/stop.h"
#include "ingest/import.h"
#include "lake/lake_directory.h"
#include "models/ranker/ranker.h"
#include "models/train_catalog.h"
#include "operate/ranker_training.h"

namespace palate {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Status check_dataset_memory(const TrainingRoom& room) {
  const uint64_t events = TRY(dataset_events(room));
  return check_memory(dataset_memory_bytes(events, room.data.state().catalogue().view().size()),
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

// Forgetting a user rewrites log, state and lake; no artefact that serves may keep what he did.
Status check_no_histories(const TrainingRoom& room, const std::vector<std::string>& kinds) {
  for (const std::string& kind : kinds) {
    if (!holds_histories(kind, room.configs)) continue;
    return fail(Code::kInvalidArgument,
                "'{}' would keep users' histories in what is served, where forgetting a user does "
                "not reach; `palate evaluate` and `palate tune` measure it, item_knn can be served",
                kind);
  }
  return {};
}

// The artefact of a kind that is released now; nullptr where there is none, or it cannot be read:
// training does without.
Result<std::shared_ptr<const Artefact>> current_version(const Registry& registry,
                                                        const std::string& kind) {
  const auto current = TRY(registry.current());
  if (!current || !current->artefacts.contains(kind)) return nullptr;
  return registry.open(kind, current->artefacts.at(kind)).value_or(nullptr);
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

Result<uint64_t> dataset_events(const TrainingRoom& room) {
  uint64_t events = 0;
  if (room.from_lake) {
    const auto manifest = TRY(lake::LakeDirectory(room.data.root() / "lake").current());
    if (!manifest) return 0;  // whoever reads it says so
    for (const lake::LakeFile& file : manifest->files) {
      if (file.zone == lake::Zone::kClean) events += file.rows;
    }
    return events;
  }
  const AsOf begins = TRY(room.data.log().begins());
  for (const Position& end : TRY(room.data.log().ends())) {
    if (end.stream != Stream::kEvents) continue;
    events += end.offset - lake::offset_of(begins, end.stream, end.partition);
  }
  return events;
}

uint64_t dataset_memory_bytes(uint64_t events, uint64_t items) {
  // A row as it is decoded, with its user, and once more in its place; blocks are freed one by one,
  // but the allocator may keep them.
  constexpr uint64_t kEventBytes = 2 * sizeof(HistoryEntry) + sizeof(uint32_t);
  constexpr uint64_t kItemBytes = 128;
  constexpr uint64_t kWindowBytes = uint64_t{32} << 20;  // blocks on their way
  return events * kEventBytes + items * kItemBytes + kWindowBytes;
}

ProfileOf profiles_of(const TrainingRoom& room) {
  const LiveState& state = room.data.state();
  return [&state](const UserId& id) -> std::optional<UserRecord> {
    const auto user = state.user(id);
    const bool may = user && *user && (*user)->has_profile && (*user)->profile.personalization;
    return may ? std::optional((*user)->profile) : std::nullopt;
  };
}

TrainJob train_job(const TrainingRoom& room, const DatasetView& data) {
  TrainJob job{&data, &room.configs, &room.pool, room.stop, room.seed};
  job.catalogue = &room.data.state().catalogue();
  job.profile_of = profiles_of(room);
  return job;
}

Result<Dataset> build_dataset(const TrainingRoom& room) {
  TRY(check_dataset_memory(room));
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

namespace {

// Trains all that learn from who liked what, one after the other.
Status train_models(const TrainingRoom& room, const std::vector<std::string>& kinds,
                    Registry& registry, TrainOutcome& outcome) {
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
  for (const std::string& kind : kinds) {
    const auto model_start = std::chrono::steady_clock::now();
    auto writer = TRY(registry.start(kind));
    TrainJob job = train_job(room, everything);
    job.previous = TRY(current_version(registry, kind));
    TRY(train_model(kind, job, writer));
    TRY(check_stop(room.stop));
    TrainedVersion model{kind, writer.manifest.version, 0, writer.manifest.metrics_json};
    TRY(writer.commit());
    model.seconds = seconds_since(model_start);
    outcome.models.push_back(std::move(model));
  }
  return {};
}

}  // namespace

Result<TrainOutcome> train_and_release(const TrainingRoom& room,
                                       const std::vector<std::string>& kinds,
                                       const std::string& note) {
  std::vector<std::string> models;
  std::ranges::copy_if(kinds, std::back_inserter(models),
                       [](const std::string& kind) { return kind != kRankerKind; });
  TRY(check_kinds(models));
  TRY(check_no_histories(room, models));
  TrainOutcome outcome;
  Registry registry(room.data.root());
  if (models.empty() && !TRY(registry.current())) {
    return fail(Code::kInvalidArgument,
                "a ranker orders what others propose, and there is no release yet: train something "
                "that answers along with it, `palate train --models popularity,als,ranker`");
  }
  if (!models.empty()) TRY(train_models(room, models, registry, outcome));
  if (models.size() < kinds.size()) {
    outcome.models.push_back(
        TRY(train_ranker(room, room.ranker == nullptr ? RankerSettings{} : *room.ranker)));
  }
  std::map<std::string, std::string> artefacts;
  for (const TrainedVersion& model : outcome.models) artefacts[model.kind] = model.version;
  outcome.release = TRY(registry.release(artefacts, note));
  return outcome;
}

}  // namespace palate
