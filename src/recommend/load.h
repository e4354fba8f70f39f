// Loads a release's models and refuses those that do not fit what the server knows.
#pragma once

#include <memory>
#include <string>

#include "recommend/draft.h"

namespace palate {

// Whether an artefact's items, event types and features are those of the state. Errors: kConflict
// says what is not, and what to do.
Status check_fit(const Manifest& manifest, const LiveState& state);
// Pins the catalogue's first `items` items, of those that are there, as a dataset pins its own.
std::string dictionary_of(const LiveState& state, size_t items);
// `before`: what answers now from the same state, or nullptr; what is the same is shared with it.
// Errors: kConflict with the name of what does not fit, and those of Registry::open().
Result<std::unique_ptr<const LoadedRelease>> load_release(const Recommender::Parts& parts,
                                                          const Release& release,
                                                          const LoadedRelease* before);

}  // namespace palate
