// Loads a release's models and refuses those that do not fit what the server knows.
#pragma once

#include <memory>
#include <string>

#include "recommend/draft.h"

namespace palate {

// Pins the catalogue's first `items` items, of those that are there, as a dataset pins its own.
std::string dictionary_of(const LiveState& state, size_t items);
// Errors: kConflict with the name of what does not fit, and those of Registry::open().
Result<std::unique_ptr<const LoadedRelease>> load_release(const Recommender::Parts& parts,
                                                          const Release& release);

}  // namespace palate
