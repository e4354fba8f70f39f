// Trains implicit ALS on a dataset (models/als/train_fit.h has the solver without one).
#pragma once

#include "artefact/artefact.h"
#include "base/result.h"
#include "models/train_catalog.h"

namespace palate {

// Fills in tensors, config and metrics (the loss after every epoch). Errors: kInvalidArgument
// without positive interactions or with an impossible config, kCancelled.
Status train_als(const TrainJob& job, ArtefactWriter& out);

}  // namespace palate
