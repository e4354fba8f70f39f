#include "models/content/content.h"

#include <utility>

#include "models/item_weights.h"

namespace palate {

void ContentConfig::fields(FieldVisitor<ContentConfig>& field) {
  using C = ContentConfig;
  field("title_weight", &C::title_weight, {.min = 0, .max = 10, .tune = true},
        "How much a word of a title counts, of any language; 0: not at all.");
  field("tag_weight", &C::tag_weight, {.min = 0, .max = 10, .tune = true},
        "How much a tag counts.");
  field("category_weight", &C::category_weight, {.min = 0, .max = 10, .tune = true},
        "How much a category counts.");
  field("creator_weight", &C::creator_weight, {.min = 0, .max = 10, .tune = true},
        "How much the creator counts.");
  field("vector", &C::vector, {},
        "The name of an embedding that items bring with them; empty: none is used.");
  field("vector_weight", &C::vector_weight, {.min = 0, .max = 100, .tune = true},
        "How much the cosine of embeddings counts beside that of terms.");
  field("rarity_power", &C::rarity_power, {.min = 0, .max = 3, .tune = true},
        "A term counts log(items / items with it) to this power: 0 counts all terms alike.");
  field("common_share", &C::common_share, {.min = 0.001, .max = 1},
        "Terms of more than this share of the items are left out.");
  field("neighbours", &C::neighbours,
        {.min = 1, .max = 10000, .unit = "items", .tune = true, .tune_log = true},
        "How many of the nearest items of each item are kept.");
  field("contrast", &C::contrast, {.min = 0.2, .max = 5, .tune = true},
        "Similarities to this power: above 1 the nearest decide.");
  field("popularity_power", &C::popularity_power, {.min = 0, .max = 1, .tune = true},
        "Scores are scaled by (1 + interactions of the item) to this power.");
}

Result<std::unique_ptr<Model>> load_content(std::shared_ptr<const Artefact> artefact) {
  return load_item_weights(std::move(artefact), {.cold_items = true});
}

}  // namespace palate
