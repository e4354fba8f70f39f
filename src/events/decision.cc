#include "events/decision.h"

#include <simdjson.h>

namespace palate {

Result<DecisionRecord> decision_from_json(std::string_view json) {
  thread_local simdjson::dom::parser parser;
  simdjson::dom::object object;
  std::string_view id, user;
  int64_t made = 0;
  const bool right = !parser.parse(json.data(), json.size()).get_object().get(object) &&
                     !object["request_id"].get_string().get(id) && !id.empty() &&
                     !object["made"].get_int64().get(made);
  if (!right) {
    return fail(Code::kInvalidArgument, "a decision has its `request_id` and when it was `made`");
  }
  if (object["user"].get_string().get(user)) user = {};
  return DecisionRecord{
      .id = std::string(id), .user = std::string(user), .made = {made}, .json = std::string(json)};
}

}  // namespace palate
