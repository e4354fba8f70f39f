// What makes candidates of a request like each other, for diversity.h.
#pragma once

#include <span>

#include "recommend/diversity.h"
#include "recommend/draft.h"

namespace palate {

// By vectors of `model`, where it has any (it may be nullptr), and categories. Reads `items`, the
// model and the view's traits as long as it lives.
Likeness likeness_of(std::span<const ItemIx> items, const LoadedModel* model,
                     const Catalogue::View& view);

}  // namespace palate
