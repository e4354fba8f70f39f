#include "models/graph/graph.h"

#include <utility>

#include "models/item_weights.h"
#include "models/model_config.h"

namespace palate {

void GraphConfig::fields(FieldVisitor<GraphConfig>& field) {
  using C = GraphConfig;
  field("filter", &C::filter, {.one_of = {"low_pass", "sharpened", "propagated"}},
        "What stands beside the linear filter: the ideal low-pass, the same sharpened as in BSPM, "
        "or vectors of als that have been passed along the graph as in LightGCN.");
  field("factors", &C::factors, {.min = 1, .max = 1024, .unit = "dimensions", .tune = true},
        "How many of the slowest frequencies of the graph the low-pass filter lets through.");
  field("low_pass", &C::low_pass, {.min = 0, .max = 2, .tune = true},
        "How much the low-pass filter counts beside the linear one, which is 1; 0 leaves it out.");
  field("neighbours", &C::neighbours,
        {.min = 10, .max = 2000, .unit = "items", .tune = true, .tune_log = true},
        "How many items of the linear filter are kept an item recommended.");
  field("user_power", &C::user_power, {.min = 0, .max = 1, .tune = true},
        "Linear filter: a user with n items counts n^-user_power.");
  field("item_power", &C::item_power, {.min = 0.3, .max = 1, .tune = true},
        "Linear filter: an item of the history with n interactions counts n^-item_power.");
  field("target_power", &C::target_power, {.min = 0, .max = 0.7, .tune = true},
        "Scores are divided by the item's interactions to this power: less favours frequent ones.");
  field("iterations", &C::iterations, {.min = 1, .max = 100, .unit = "steps"},
        "Of the subspace iteration that finds the frequencies; more is more exact.");
  field("sharpening", &C::sharpening, {.min = 0, .max = 3, .tune = true},
        "Filter sharpened: for how long sharpening takes frequent patterns away.");
  field("layers", &C::layers, {.min = 1, .max = 8, .unit = "layers", .tune = true},
        "Filter propagated: how many times vectors are passed along.");
  field("value_power", &C::value_power, {.min = 0, .max = 2},
        "An interaction counts its value to this power; 0 counts all alike.");
}

Result<std::unique_ptr<Model>> load_graph(std::shared_ptr<const Artefact> artefact) {
  const auto config = TRY(read_model_config<GraphConfig>(*artefact));
  return load_item_weights(std::move(artefact), {.value_power = config.value_power});
}

}  // namespace palate
