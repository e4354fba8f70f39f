// A record of the stream of decisions: what was answered, from what, and why
// (docs/formats/decision.md). What makes one is in the room recommend (recommend/decision.h); here
// it is a text with an id and somebody whom it is about.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace palate {

struct DecisionRecord {
  std::string id;    // of the answer, its request_id; empty: erased
  std::string user;  // whom it is about; empty: nobody known
  TimeUs made = {};
  std::string json;  // all of it: an object that says these, too
};

inline std::string to_json(const DecisionRecord& decision) { return decision.json; }
// Errors: kInvalidArgument for what is no object with a `request_id` and when it was `made`
// (microseconds).
Result<DecisionRecord> decision_from_json(std::string_view json);

}  // namespace palate
