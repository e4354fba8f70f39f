// What a ranker's training goes on from (examples.incremental), and why it may not.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "artefact/artefact.h"
#include "base/file.h"
#include "base/result.h"
#include "base/time.h"
#include "features/live_state.h"
#include "features/ranking_fields.h"
#include "registry/registry.h"

namespace palate {

struct LastRanker {
  std::shared_ptr<const Artefact> artefact;
  TimeUs until;  // its newest example
};
// The last released ranker. nullopt, and a word in the log: there is none, it does not fit the
// state any more, or what it was asked to learn is not what `config` (settings by their names) asks
// for. Errors: those of the registry.
Result<std::optional<LastRanker>> last_ranker(const Registry& registry, const LiveState& state,
                                              const nlohmann::json& config);

// Says in the log that all is learnt anew, and why.
void note_anew(const Artefact& last, std::string_view why);

// Why what it has learnt is of no use for the fields `now` and these shards of examples, in words:
// it read other numbers, or one of them has moved so far away from what it was that the network
// would read it on a scale of the past. Empty: it is of use. Errors: kCorrupt.
Result<std::string> difference_of_numbers(const Artefact& last, const RankingFields& now,
                                          std::span<const Path> shards);

}  // namespace palate
