// Loads a release's models and refuses those that do not fit what the server knows.
#pragma once

#include <memory>

#include "recommend/draft.h"

namespace palate {

// Errors: kConflict with the name of what does not fit, and those of Registry::open().
Result<std::unique_ptr<const LoadedRelease>> load_release(const Recommender::Parts& parts,
                                                          const Release& release);

}  // namespace palate
