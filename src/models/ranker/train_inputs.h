// What a ranker's network reads of examples: a field a column.
#pragma once

#include "base/result.h"
#include "dataset/examples.h"
#include "models/ranker/ranker_network.h"

namespace palate {

// Every label is an objective; columns that are aside are none. Errors: those of
// ranker_objectives().
Result<RankerInputs> ranker_inputs(const ExampleSchema& schema, const RankerConfig& config);

}  // namespace palate
