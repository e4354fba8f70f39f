// Trains a ranker: the log becomes examples, palate-train a network of them, and that with its
// fields an artefact that a release serves.
#pragma once

#include <optional>
#include <string>

#include "dataset/ranking_examples.h"
#include "operate/ranker_settings.h"
#include "operate/training.h"

namespace palate {

struct ExamplesWanted {
  const ExamplesConfig& config;
  bool choices = false;  // RankingExamplesJob::choices
  std::optional<LearntBefore> before = {};
};
// Examples of everything logged so far, into `out`, a directory that is there. Errors: those of
// make_ranking_examples().
Result<RankingExamples> examples_of_log(const TrainingRoom& room, const ExamplesWanted& wanted,
                                        const Path& out);
// What the examples are called and which of them there are, in a few lines of text.
std::string describe(const RankingExamples& examples);

// Trains and commits a version of kind "ranker"; with examples.incremental from the last released
// one on, where its network is the same, else anew with a word in the log. palate-train is looked
// for beside this program, or where PALATE_TRAIN says. Errors: kUnavailable where it is not there,
// kNoMemory before it is started, what it says when it fails, kCancelled.
Result<TrainedVersion> train_ranker(const TrainingRoom& room, const RankerSettings& settings);

}  // namespace palate
