// What was answered, once more: a logged decision (recommend/decision.h), the state folded anew
// from the log up to where it had been, the models and the pipeline of then, and the same answer,
// bit for bit; then with one thing changed.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ingest/data_directory.h"
#include "recommend/decision.h"

namespace palate {

// The newest decisions, newest first; of one user where `user` is not empty.
struct DecisionSearch {
  std::string user;
  size_t limit = 20;
};
Result<std::vector<DecisionRecord>> find_decisions(const EventLog& log,
                                                   const DecisionSearch& search,
                                                   const std::stop_token& stop);
// Errors: kNotFound says how decisions get into the log.
Result<DecisionRecord> find_decision(const EventLog& log, std::string_view request_id,
                                     const std::stop_token& stop);

// What shall be otherwise; without any, nothing.
struct DecisionChange {
  std::vector<std::pair<size_t, std::string>> stages;  // 1 the first, and what it shall be;
                                                       // empty: left out
  std::vector<std::string> pipeline;                   // all stages; empty: those of then
  std::optional<uint64_t> release;
  std::set<Position> without;  // events that never came
  std::optional<std::string> filter;
  std::optional<size_t> n;
  std::optional<TimeUs> now;
  [[nodiscard]] bool nothing() const;
};

// One answer, as far as it is compared.
struct AnsweredItem {
  std::string item, title;
  float score = 0;
};

struct DecisionReplay {
  PastDecision past;
  std::vector<AnsweredItem> answered;     // as logged; titles as of then
  bool same = false;                      // made anew, to the last bit
  std::vector<std::string> differences;   // what is not, a sentence each
  std::vector<std::string> reservations;  // why that may be
  std::optional<std::vector<AnsweredItem>> changed;
  std::string changed_level;
  uint64_t events = 0;  // folded
  double fold_s = 0;
};
struct DecisionRoom {
  DataDirectory& data;
  const EventTypes& types;
  std::stop_token stop = {};
};
// Folds into a directory of its own, under the system's for temporary files. Errors: kConflict
// where the log, a model or the settings of then are gone, kInvalidArgument for a change that makes
// no sense.
Result<DecisionReplay> replay_decision(const DecisionRoom& room, const DecisionRecord& record,
                                       const DecisionChange& change);

}  // namespace palate
