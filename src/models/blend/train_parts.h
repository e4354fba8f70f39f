// The parts of a blend in training, for the files of this folder only.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/blend/train.h"

namespace palate {

// One entry of blend.models: a kind, and the settings that are not those of its section.
struct PartSpec {
  std::string said, kind;
  ModelConfigs configs;
  std::string folder;  // in the blend's artefact
};
// Of "kind" or "kind:key=value:key=value". Errors: as train_blend().
Result<std::vector<PartSpec>> part_specs(const ModelConfigs& configs);
// blend.weights as numbers. Errors: kInvalidArgument.
Result<std::vector<double>> given_weights(const BlendConfig& config);

struct TrainedParts {
  std::vector<std::shared_ptr<const Artefact>> artefacts;
  std::vector<std::unique_ptr<Model>> models;
};
// One artefact a part, in the blend's folder, its name behind `prefix`.
Result<TrainedParts> train_parts(const TrainJob& job, std::span<const PartSpec> specs,
                                 const std::string& prefix, ArtefactWriter& out);

// The rows of a view without a share of each user's that `held_out` gets. A user keeps at least one
// row. Of the held-out rows as many are of items that nobody has had in the rest as of the next
// rows to come: those that had one row, over all rows, expect both (Good, "The population
// frequencies of species and the estimation of population parameters", Biometrika 40, 1953).
struct Slices {
  DatasetView fit, held_out;
};
Slices cut_slices(const DatasetView& view, double share, uint64_t seed);

// What the parts say of at most validation_users users: scaled to a mean square of 1.
struct Looked {
  std::vector<BlendUser> users;  // with something relevant
  std::vector<double> scale;     // one over the root of the mean square of each part's scores
};
Result<Looked> look_at(const Slices& slices, std::span<const std::unique_ptr<Model>> models,
                       const TrainJob& job);
// The same for ratings: the held-out ones, and what each part predicts from the rest.
Result<BlendRatings> predict_held_out(const Slices& slices,
                                      std::span<const std::unique_ptr<Model>> models,
                                      const TrainJob& job);

}  // namespace palate
