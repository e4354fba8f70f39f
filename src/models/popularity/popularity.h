// Popularity: the same list for everybody, and what answers for those nobody knows. A score is the
// sum of an item's positive preferences, each halved for every `half_life_s` of its age at the
// newest event of the training data.
#pragma once

#include <memory>

#include "artefact/artefact.h"
#include "base/config.h"
#include "base/result.h"
#include "models/model.h"

namespace palate {

struct PopularityConfig {
  double half_life_s = 30 * 86'400.0;

  static void fields(FieldVisitor<PopularityConfig>& field);
};

// Reads an artefact of kind "popularity" (docs/formats/model.md) and keeps it mapped. top_k() walks
// the sorted list, so it costs what it returns and what the filter takes away. No similar items, no
// reasons. Errors: kCorrupt (names the tensor that does not fit).
Result<std::unique_ptr<Model>> load_popularity(std::shared_ptr<const Artefact> artefact);

}  // namespace palate
