// What a formula can read of the candidates of a request, by name.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "recommend/pipeline_stage.h"

namespace palate {

// kInvalidArgument for a name that cannot stand for anything; what a release has, or what features
// are kept, is only known by objectives().
Status check_objective(std::string_view name);
// A column a name: its value of each candidate of the pool. A model's score for an item that it
// does not know is the least of the others'. Errors: kUnavailable for a model that the release does
// not have, kInvalidArgument for features that are not kept.
Result<std::vector<std::vector<float>>> objectives(std::span<const std::string> names,
                                                   const PipelineRun& run);

// Tells the ranker which candidates come first by `scores`, where objectives() of these names has
// just asked it: it watches whether its numbers still look as they did when it was trained.
void observe_first(std::span<const std::string> names, std::span<const float> scores,
                   const PipelineRun& run);

struct ObjectiveName {
  std::string_view name, sentence;
};
std::span<const ObjectiveName> objective_names();

}  // namespace palate
