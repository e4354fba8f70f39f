// Why the JSON of an item or a user was refused: for programs the code and the field, for people a
// sentence. item_from_json() and user_from_json() (event.h) say the sentence alone.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "events/event.h"
#include "events/validate.h"

namespace palate {

struct RecordFault {
  Reason reason = Reason::kBadField;
  std::string field;     // "titles"; empty where it is about the whole record
  std::string sentence;  // names the field too
};

std::expected<ItemRecord, RecordFault> read_item(std::string_view json);
std::expected<UserRecord, RecordFault> read_user(std::string_view json);

}  // namespace palate
