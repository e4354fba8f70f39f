// Examples out of the log: every impression with what followed it, and what was known when it was
// shown. What rankers are trained on.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/file.h"
#include "dataset/example_corrections.h"
#include "dataset/example_vocabulary.h"
#include "dataset/examples_config.h"
#include "dataset/impressions.h"
#include "features/feature_replay.h"
#include "features/ranking_fields.h"

namespace palate {

// What was shown up to `until` was learnt before: a seeded share of it is kept for training.
struct LearntBefore {
  TimeUs until;
  double replay = 0;
};

struct RankingExamplesJob {
  FeatureReplay::Parts replay;
  const Catalogue* catalogue = nullptr;  // of all of the log
  ExamplesConfig config;
  uint64_t seed = 1;
  Path out;  // a directory that exists
  std::optional<LearntBefore> before = {};
  bool choices = false;  // whether to say what other ways to give ids rows would cost
};

struct RankingExamples {
  RankingFields::Parts fields;
  // Columns are those of RankingFields, "_slate", which numbers requests, and "position".
  std::vector<Path> training;  // examples, one file after the other in time
  Path held_out;               // the newest

  size_t slates = 0, impressions = 0, unknown_items = 0, unanswering = 0;
  size_t training_rows = 0, held_out_rows = 0;
  size_t unfinished = 0;  // nothing of them is known yet: a window was not over
  size_t between = 0;     // shown before what is held out, with a window that reaches into it
  size_t dropped = 0;     // negatives that were not kept
  size_t replayed = 0, left_out = 0;  // of those that were learnt before
  TimeUs trained_until;               // when the newest that is trained on was shown
  std::vector<std::string> objectives;
  std::vector<uint64_t> positives;  // an objective each, in training
  Corrections corrections;          // without its weights
  std::vector<FieldChoices> choices;
};

// Features are read as of a slate's first impression, by one pass over the log that holds all
// users' states in memory. Rows are in order of time, so a shard is a stretch of it; nothing that
// is trained on was labelled by what happened in the held-out part. Profiles are read as they are
// now: the log does not say when among the events one changed. Errors: kUnavailable where nothing
// was shown, or no outcome is known of either part, with what to do; kInvalidArgument of objectives
// and features; those of the log.
Result<RankingExamples> make_ranking_examples(const RankingExamplesJob& job,
                                              const std::stop_token& stop);

}  // namespace palate
