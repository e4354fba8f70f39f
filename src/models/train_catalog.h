// The catalogue of trainers (target models_train): one line a model in train_catalog.cc.
#pragma once

#include <span>
#include <stop_token>
#include <string_view>

#include "artefact/artefact.h"
#include "base/result.h"
#include "base/threads.h"
#include "dataset/dataset.h"
#include "models/catalog.h"

namespace palate {

struct TrainJob {
  const DatasetView* data;
  const ModelConfigs* configs;
  ThreadPool* pool;
  std::stop_token stop;
  uint64_t seed = 1;
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
};

std::span<const TrainerEntry> trainer_catalogue();
// kNoMemory where training `kind` on data of these sizes cannot fit. Errors: kNotFound, too.
Status check_training_memory(std::string_view kind, const TrainSizes& sizes,
                             const ModelConfigs& configs);

// Trains and writes the whole manifest, with what the trainer has seen under details.seen
// (DatasetView::Seen). The caller commits. Errors: kNotFound for an unknown kind, kInvalidArgument
// (no interactions), kCancelled.
Status train_model(std::string_view kind, const TrainJob& job, ArtefactWriter& out);

}  // namespace palate
