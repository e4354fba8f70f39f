// Decisions: what was answered, with what it was chosen from, the chances, the positions and the
// versions that were read; all that is needed to answer so again (docs/formats/decision.md).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/config.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "events/decision.h"
#include "recommend/recommender.h"

namespace palate {

struct Draft;

// The [decisions] section.
struct DecisionConfig {
  double share = 0.01;
  int64_t candidates = 100;

  static void fields(FieldVisitor<DecisionConfig>& field) {
    field("share", &DecisionConfig::share, {.min = 0, .max = 1},
          "Of answers, so many are logged with all that led to them, drawn by the hash of their "
          "request_id: what `palate replay` rebuilds.");
    field("candidates", &DecisionConfig::candidates, {.min = 0, .max = 5000, .unit = "items"},
          "Candidates of a pipeline that are kept with an answer, best first.");
  }
};

// Where decisions go.
struct DecisionSink {
  DecisionConfig config;
  std::function<void(DecisionRecord)> take;  // thread-safe, does not wait
};

// Whether the answer of this id is one of the share.
bool is_drawn(std::string_view request_id, double share);

// What an answer depends on beside its request, the state and the models.
struct PastMoment {
  std::string request_id;  // chance is drawn from it
  TimeUs now;
  bool state_missing = false;  // the store of users did not answer
  // What became of each stage, as in a trace: one that was skipped or failed is left out again.
  // Empty: all run.
  std::vector<std::string> stages;
  std::vector<std::string> set_aside;  // features that the ranker was asked without
};

// Whichever way it was asked.
using PastRequest = std::variant<RecommendRequest, SimilarRequest, RankRequest, OnboardingRequest>;

struct PastDecision {
  std::string kind;  // "recommend", "similar", "rank", "onboarding"
  std::string user;
  PastMoment moment;
  PastRequest request;
  AsOf as_of;
  uint64_t release = 0;
  std::map<std::string, std::string> models;  // kind to version
  std::string program;                        // that answered
  std::string meaning;                        // state_meaning()
  std::string pipeline;
  std::vector<std::string> stages;  // as configured
  int64_t places = 0;
  double deadline_ms = 0;
};

// What state was folded with, beside the log: event types, features and limits of histories. Where
// it differs, the same log gives another state.
std::string state_meaning(const LiveState& state);

// The record of a draft that has come to its end.
DecisionRecord decision_of(const Draft& draft);
// Errors: kCorrupt names what is missing.
Result<PastDecision> read_decision(const DecisionRecord& record);

}  // namespace palate
