// Where training was after an epoch: a directory with the newest state, an artefact of kind
// "training_state".
#pragma once

#include <optional>
#include <vector>

#include "learn/fit.h"

namespace palate {

// Errors: kIo. nullopt: there is none, or no such directory.
Result<std::optional<Path>> newest_checkpoint(const Path& directory);
// Writes a new one, then removes those before it. `best` may be nullptr.
Status save_checkpoint(const Path& directory, const Trainer& trainer, const Trainer::Snapshot* best,
                       const std::vector<EpochReport>& epochs);
// What was reported up to there. Errors: kCorrupt.
Result<std::vector<EpochReport>> reports_of(const Artefact& checkpoint);

}  // namespace palate
