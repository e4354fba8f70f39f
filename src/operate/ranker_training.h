// Trains a ranker: the log becomes examples, palate-train a network of them, and that with its
// fields an artefact that a release serves.
#pragma once

#include <string>

#include "dataset/ranking_examples.h"
#include "operate/ranker_settings.h"
#include "operate/training.h"

namespace palate {

// Examples of everything logged so far, into `out`, a directory that is there. Errors: those of
// make_ranking_examples().
Result<RankingExamples> examples_of_log(const TrainingRoom& room, const ExamplesConfig& config,
                                        const Path& out);
// What the examples are called and which of them there are, in a few lines of text.
std::string describe(const RankingExamples& examples);

// Trains and commits a version of kind "ranker". palate-train is looked for beside this program,
// or where PALATE_TRAIN says. Errors: kUnavailable where it is not there, kNoMemory before it is
// started, what it says when it fails, kCancelled.
Result<TrainedVersion> train_ranker(const TrainingRoom& room, const RankerSettings& settings);

}  // namespace palate
