#include "models/item_knn/item_knn.h"

#include <utility>

#include "models/item_weights.h"
#include "models/model_config.h"

namespace palate {

void ItemKnnConfig::fields(FieldVisitor<ItemKnnConfig>& field) {
  using C = ItemKnnConfig;
  field("similarity", &C::similarity, {.one_of = {"paths", "cosine", "tfidf", "bm25", "rp3beta"}},
        "cosine, tfidf and bm25 compare the users of two items; paths walks from item to user to "
        "item with the powers below, and rp3beta is its usual form.");
  field("neighbours", &C::neighbours,
        {.min = 10, .max = 2000, .unit = "items", .tune = true, .tune_log = true},
        "How many others may recommend an item: those most like it.");
  field("user_power", &C::user_power, {.min = 0, .max = 1, .tune = true},
        "paths: a user with n items counts n^-user_power.");
  field("item_power", &C::item_power, {.min = 0.3, .max = 1, .tune = true},
        "paths: an item of the history with n interactions counts n^-item_power; rp3beta: the "
        "power of its probabilities.");
  field("target_power", &C::target_power, {.min = 0, .max = 0.7, .tune = true},
        "paths, rp3beta: scores are divided by the item's interactions to this power: less "
        "favours frequent ones.");
  field("contrast", &C::contrast, {.min = 0.7, .max = 1.8, .tune = true},
        "Similarities are raised to this power: more lets the nearest ones decide.");
  field("value_power", &C::value_power, {.min = 0, .max = 2},
        "An interaction counts its value to this power; 0 counts all alike.");
}

Result<std::unique_ptr<Model>> load_item_knn(std::shared_ptr<const Artefact> artefact) {
  const auto config = TRY(read_model_config<ItemKnnConfig>(*artefact));
  return load_item_weights(std::move(artefact), {.value_power = config.value_power});
}

}  // namespace palate
