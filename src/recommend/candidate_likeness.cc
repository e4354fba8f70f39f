#include "recommend/candidate_likeness.h"

namespace palate {

Likeness likeness_of(std::span<const ItemIx> items, const LoadedModel* model,
                     const Catalogue::View& view) {
  const size_t dim = model == nullptr ? 0 : model->model->info().dimensions;
  std::vector<float> vectors(items.size() * dim);
  std::vector<ItemTraits> traits;
  view.traits(items, traits);
  for (size_t i = 0; i < items.size() && dim > 0; ++i) {
    model->model->item_vector(items[i], std::span(vectors).subspan(i * dim, dim));
  }
  return {{vectors.data(), items.size(), dim}, traits};
}

}  // namespace palate
