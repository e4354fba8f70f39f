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

struct TrainerEntry {
  std::string_view kind;
  // Fills in tensors, config, metrics; the common part of the manifest is train_model()'s. Does not
  // commit.
  Status (*train)(const TrainJob& job, ArtefactWriter& out);
};

std::span<const TrainerEntry> trainer_catalogue();
// Trains and writes the whole manifest, with what the trainer has seen under details.seen
// (DatasetView::Seen). The caller commits. Errors: kNotFound for an unknown kind, kInvalidArgument
// (no interactions), kCancelled.
Status train_model(std::string_view kind, const TrainJob& job, ArtefactWriter& out);

}  // namespace palate
