// Where evaluations put what they make, and how they train: into artefacts, loaded as a server
// would, with what the manifest says was seen.
#pragma once

#include <memory>
#include <string>

#include "base/file.h"
#include "base/result.h"
#include "models/model.h"
#include "models/train_catalog.h"

namespace palate {

// The next free number below <root>/evaluations/, made as a directory at once, so that two runs
// never share one.
Result<Path> next_evaluation(const Path& root);

struct MeasuredModel {
  std::unique_ptr<Model> model;
  std::shared_ptr<const Artefact> artefact;
  DatasetView::Seen seen;
  double train_s = 0;
};
// Trains into `artefact`, a path that does not exist yet. Of a model that holds_histories() nothing
// is there any more on return: what is mapped serves until it is closed.
Result<MeasuredModel> train_measured(const TrainJob& job, const std::string& kind,
                                     const Path& artefact);

// Who answers for users of whom others know nothing, as the server does it: the last model that is
// not personalized, or nullptr.
const Model* fallback_of(const std::vector<MeasuredModel>& models);

}  // namespace palate
