// What was shown and what followed: one pass over the log that joins each outcome to the impression
// it answers.
#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "dataset/examples_config.h"
#include "events/log.h"
#include "features/catalogue.h"

namespace palate {

struct Impressions {
  // Answers to one request, or one impression that names none. What was known to who answered is
  // what the log had before `offset`, its first impression.
  struct Slate {
    uint64_t offset = 0;
    TimeUs ts;
    uint32_t user = 0;  // of `users`
    uint32_t rows = 0;
  };
  struct Row {
    ItemIx item;
    int32_t slot = -1;        // from 0; -1: not said
    bool randomized = false;  // the context says "randomized": true
  };
  std::vector<std::string> users;  // external ids
  std::vector<Slate> slates;       // ascending by offset
  std::vector<Row> rows;           // slate by slate, in the order of the log
  // rows × objectives: 1 it followed within its window, 0 it did not, NaN: the window was not over
  // when the log ended.
  std::vector<float> labels;
  uint64_t unknown_items = 0;  // impressions of what is not in the catalogue, left out
  uint64_t unanswering = 0;    // outcomes that answer no impression
};

struct ImpressionSource {
  const EventLog* log;
  const EventTypes* types;
  const Catalogue* catalogue;  // of all of the log
};

// An outcome answers the newest impression before it in the log of its user and item, or, where it
// names a request, of that request and item, if it lies within the objective's window by the
// client's clock. Other outcomes become slates of their own where `alone` is set. Memory: some 20
// bytes an impression, 32 a slate. Errors: those of the log, kCancelled.
Result<Impressions> read_impressions(const ImpressionSource& source,
                                     std::span<const Objective> objectives, bool alone,
                                     const std::stop_token& stop);

}  // namespace palate
