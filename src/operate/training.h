// Training end to end: the log becomes a dataset, the dataset artefacts, the artefacts a release
// that servers pick up.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "dataset/dataset.h"
#include "ingest/data_directory.h"
#include "models/catalog.h"
#include "models/train_catalog.h"
#include "registry/registry.h"

namespace palate {

struct RankerSettings;  // operate/ranker_settings.h

// What training works with. References must live as long as the call.
struct TrainingRoom {
  DataDirectory& data;
  const EventTypes& types;
  const ModelConfigs& configs;
  ThreadPool& pool;
  std::stop_token stop;
  uint64_t seed = 1;
  bool from_lake = false;                  // read the lake's clean zone instead of the log
  const RankerSettings* ranker = nullptr;  // nullptr: as they are by default
};

struct TrainedVersion {
  std::string kind, version;
  double seconds = 0;
  std::string metrics_json;
};

struct TrainOutcome {
  Release release;
  std::vector<TrainedVersion> models;
  size_t users = 0, items = 0, interactions = 0;
  double dataset_seconds = 0;
};

// How many events a dataset is read from: those that the log still has, or the lake's clean ones.
Result<uint64_t> dataset_events(const TrainingRoom& room);

// The most memory that building a dataset of so many events takes; at most twice what it really is,
// or 64 MiB more.
uint64_t dataset_memory_bytes(uint64_t events, uint64_t items);

// Everything logged so far as a dataset, or what the lake has of it. Errors: kUnavailable when
// there is nothing to learn from, kNoMemory before anything is read.
Result<Dataset> build_dataset(const TrainingRoom& room);

// What users say of themselves now, of those who let it be used. `room` must live as long as it.
ProfileOf profiles_of(const TrainingRoom& room);
// What trainers are given: the data, and what is known of items and users. `room` and `data` must
// live as long as it.
TrainJob train_job(const TrainingRoom& room, const DatasetView& data);

// Trains `kinds` on everything and releases them together. A running server picks the release up by
// itself. Errors: kInvalidArgument for a model that holds_histories().
Result<TrainOutcome> train_and_release(const TrainingRoom& room,
                                       const std::vector<std::string>& kinds,
                                       const std::string& note);

// The kinds that the trainer catalogue knows; kNotFound names a wrong one and what there is.
Status check_kinds(const std::vector<std::string>& kinds);

}  // namespace palate
