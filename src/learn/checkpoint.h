// Where training was after an epoch: a directory with the newest state, an artefact of kind
// "training_state".
#pragma once

#include <optional>
#include <vector>

#include "learn/fit.h"

namespace palate {

// Errors: kIo. nullopt: there is none, or no such directory.
Result<std::optional<Path>> newest_checkpoint(const Path& directory);
// Writes a new one at options.checkpoint, then removes those before it. `best` may be nullptr.
Status save_checkpoint(const FitOptions& options, const Trainer& trainer,
                       const Trainer::Snapshot* best, const std::vector<EpochReport>& epochs);
// Whether options.of_what was the same. Errors: kInvalidArgument.
Status check_of_what(const Artefact& checkpoint, const FitOptions& options);
// What was reported up to there. Errors: kCorrupt.
Result<std::vector<EpochReport>> reports_of(const Artefact& checkpoint);

}  // namespace palate
