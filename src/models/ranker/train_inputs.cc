#include "models/ranker/train_inputs.h"

namespace palate {
namespace {

FieldOwner owner_of(bool of_request) {
  return of_request ? FieldOwner::kRequest : FieldOwner::kCandidate;
}

Pooling pooling_of(const IdColumn& column) {
  if (column.sum) return Pooling::kSum;
  return column.many ? Pooling::kMean : Pooling::kOne;
}

}  // namespace

Result<RankerInputs> ranker_inputs(const ExampleSchema& schema, const RankerConfig& config) {
  RankerInputs inputs;
  for (const IdColumn& column : schema.ids) {
    if (column.name.starts_with(kAside)) continue;
    inputs.sparse.push_back({.name = column.name,
                             .owner = owner_of(column.of_request),
                             .pooling = pooling_of(column),
                             .rows = column.vocabulary});
  }
  for (const NumberColumn& column : schema.numbers) {
    inputs.dense.push_back(
        {.name = column.name, .owner = owner_of(column.of_request), .width = column.width});
  }
  inputs.objectives = TRY(ranker_objectives(config, schema.labels));
  return inputs;
}

}  // namespace palate
