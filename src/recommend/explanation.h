// Why an item comes, or does not: its place in the list of a request, every rule that drops it, and
// what its score is made of.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "recommend/recommender.h"
#include "recommend/taste_words.h"

namespace palate {

struct ExplainRequest {
  std::string item = {};
  // As it was asked; n, cursor and explain are not read.
  RecommendRequest request = {};
  size_t reasons = 5;  // at most kReasonsMax
};

struct Explanation {
  struct Dropped {
    std::string by;    // "consumed", "excluded", "unavailable", "categories", "filter", or the
                       // filter of the pipeline
    std::string why;   // a sentence
    std::string keep;  // what would have kept it
  };

  std::string item, title;
  std::vector<Dropped> dropped;  // empty: it comes
  // Its place in the whole list, 1 the first, or the one it would have if nothing dropped it.
  size_t place = 0;
  size_t of = 0;  // how long that list is
  float score = 0;
  std::string source;   // as of a recommended item
  std::string version;  // of that model; empty for "catalogue"
  uint64_t release = 0;
  bool personalized = false;
  std::string why;  // when not personalized, as of a slate
  AsOf as_of;
  std::vector<RecommendedItem::Reason> reasons;
  std::optional<Taste> taste;  // of a personal list by a model with vectors
  std::string pipeline;
  std::vector<std::string_view> proposed_by;        // as of a recommended item; empty: by the
  std::vector<RecommendedItem::Place> places = {};  // models' own lists, behind the head
  std::vector<StageTrace> trace;
};

}  // namespace palate
