#include "models/ease/ease.h"

#include <utility>

#include "models/item_weights.h"
#include "models/model_config.h"

namespace palate {

void EaseConfig::fields(FieldVisitor<EaseConfig>& field) {
  using C = EaseConfig;
  field("solver", &C::solver, {.one_of = {"neighbours", "exact"}},
        "neighbours regresses each item on those that it occurs with most; exact on all others, "
        "which takes the cube of their number.");
  field("regularization", &C::regularization,
        {.min = 0.1, .max = 300, .tune = true, .tune_log = true},
        "Pulls weights towards zero, in units of the mean of the diagonal of the Gram matrix.");
  field("user_power", &C::user_power, {.min = 0, .max = 1, .tune = true},
        "A user with n items counts n^-user_power: 0 all alike, 1 by the share of his items.");
  field("item_power", &C::item_power, {.min = 0, .max = 0.5, .tune = true},
        "Items are scaled by their interactions to minus this power before the regression, so "
        "that more pulls frequent items harder.");
  field("target_power", &C::target_power, {.min = -0.2, .max = 0.5, .tune = true},
        "Scores are scaled by the item's interactions to this power: more favours frequent ones.");
  field("neighbours", &C::neighbours,
        {.min = 10, .max = 1000, .unit = "items", .tune = true, .tune_log = true},
        "How many others an item is predicted from, by solver neighbours.");
  field("neighbour_power", &C::neighbour_power, {.min = 0.2, .max = 0.8, .tune = true},
        "Neighbours are those with the most common users over interactions to this power: 0 "
        "chooses frequent items, 1 rare ones.");
  field("value_power", &C::value_power, {.min = 0, .max = 2},
        "An interaction counts its value to this power; 0 counts all alike.");
}

Result<std::unique_ptr<Model>> load_ease(std::shared_ptr<const Artefact> artefact) {
  const auto config = TRY(read_model_config<EaseConfig>(*artefact));
  return load_item_weights(std::move(artefact), {.value_power = config.value_power});
}

}  // namespace palate
