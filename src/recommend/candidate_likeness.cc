#include "recommend/candidate_likeness.h"

#include <utility>

namespace palate {

Likeness likeness_of(std::span<const ItemIx> items, const LoadedModel* model,
                     const Catalogue::View& view) {
  std::vector<ItemTraits> traits;
  view.traits(items, traits);
  const auto vector_of = [items, model](size_t i, std::span<float> vector) {
    model->model->item_vector(items[i], vector);
  };
  return {model == nullptr ? 0 : model->model->info().dimensions, vector_of, std::move(traits)};
}

}  // namespace palate
