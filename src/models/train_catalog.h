// The catalogue of trainers (target models_train): one line a model in train_catalog.cc.
#pragma once

#include <memory>
#include <span>
#include <stop_token>
#include <string_view>

#include "artefact/artefact.h"
#include "base/result.h"
#include "base/threads.h"
#include "dataset/dataset.h"
#include "features/catalogue.h"
#include "models/catalog.h"

namespace palate {

struct TrainJob {
  const DatasetView* data;
  const ModelConfigs* configs;
  ThreadPool* pool;
  std::stop_token stop;
  uint64_t seed = 1;
  // What is known of items and users beside events; nullptr: nothing.
  const Catalogue* catalogue = nullptr;
  ProfileOf profile_of = nullptr;
  // The version before of the same kind, to start from; nullptr: there is none.
  std::shared_ptr<const Artefact> previous = nullptr;
};

// What decides how much memory training takes.
struct TrainSizes {
  size_t users = 0, items = 0, interactions = 0;
  size_t threads = 1;
};

struct TrainerEntry {
  std::string_view kind;
  // Fills in tensors, config, metrics; the common part of the manifest is train_model()'s. Does not
  // commit.
  Status (*train)(const TrainJob& job, ArtefactWriter& out);
  // The most that training takes beside the dataset; at most twice what it really is, or 64 MiB
  // more.
  uint64_t (*memory_bytes)(const TrainSizes& sizes, const ModelConfigs& configs);
  // What to change in the configuration where that is too much.
  std::string_view memory_advice;
  bool needs_ratings = false;  // Dataset::is_rating(); without any there is nothing to train on
  // Whether its artefact has histories of single users, as they are; nullptr: never.
  bool (*holds_histories)(const ModelConfigs& configs) = nullptr;
};

std::span<const TrainerEntry> trainer_catalogue();
// Whether the artefact would have what forgetting a user cannot take out of it: such a model is
// measured and not served (docs/decisions/0009-no-histories.md). False for an unknown kind.
bool holds_histories(std::string_view kind, const ModelConfigs& configs);
// kNoMemory where training `kind` on data of these sizes cannot fit. Errors: kNotFound, too.
Status check_training_memory(std::string_view kind, const TrainSizes& sizes,
                             const ModelConfigs& configs);

// Trains and writes the whole manifest, with what the trainer has seen under details.seen
// (DatasetView::Seen). The caller commits. Errors: kNotFound for an unknown kind, kInvalidArgument
// (no interactions), kCancelled.
Status train_model(std::string_view kind, const TrainJob& job, ArtefactWriter& out);

}  // namespace palate
