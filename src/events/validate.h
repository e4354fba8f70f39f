// What makes an event, item or user acceptable, and the stable code of each reason why one is not
// (docs/formats/event.md). Codes appear in quarantine files, summaries and problem documents: they
// are never renamed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "events/event.h"
#include "events/event_types.h"

namespace palate {

// Order is part of the table in validate.cc.
enum class Reason : uint8_t {
  kNone,
  kBadUtf8,
  kControlCharacter,
  kMissingUser,
  kMissingItem,
  kMissingId,
  kMissingType,
  kMissingTime,
  kIdTooLong,
  kUnknownType,
  kBadTime,
  kTimeNegative,
  kTimeFarFuture,
  kBadValue,
  kValueNotFinite,
  kBadSlot,
  kBadContext,
  kContextTooManyKeys,
  kContextTooLarge,
  kUnknownField,
  kDuplicateField,
  kBadField,
  kTextTooLong,
  kTooManyEntries,
  kColumnCount,
  kTooManyColumns,
  kBadJson,
  kUnclosedQuote,
  kLineTooLong,
  kSchema,
  kUnknownItem,
  kUnknownUser,
  kSetAside,
  kBadBlock,
};
inline constexpr size_t kReasonCount = static_cast<size_t>(Reason::kBadBlock) + 1;

struct ReasonInfo {
  std::string_view code;      // "bad_utf8"
  std::string_view sentence;  // what is wrong, in general
};
const ReasonInfo& reason_info(Reason reason);

// Why one row was refused: the code, and a sentence that names the field and what was found.
struct Rejection {
  Reason reason = Reason::kNone;
  std::string sentence;
  std::string field;  // where it is about one: "value", "context.country"
};
// `detail` is put behind the reason's sentence.
Rejection reject(Reason reason, std::string_view detail = {});

struct ValidateOptions {
  TimeUs now;
  // The caller knows already that no string of the row holds invalid UTF-8 or control characters.
  bool text_is_clean = false;
};

// kNone when `row` may enter the log. Does not allocate. `context` is trusted to be canonical.
Reason check_event(const EventView& row, const ValidateOptions& options);
// The rejection in words for a row that check_event refused.
Rejection describe(Reason reason, const EventView& row);

// The same for records, which are checked whole.
Rejection check_item(const ItemRecord& item);
Rejection check_user(const UserRecord& user);

// Valid UTF-8 without control characters (U+0000–U+001F, U+007F).
Reason check_text(std::string_view text);

}  // namespace palate
