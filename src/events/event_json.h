// An event as JSON, on the wire and in our JSON lines (docs/formats/event.md):
//   {"event_id":"…","type":"click","user":"u1","item":"i1","ts":"2026-01-01T00:00:00Z","value":1.5,
//    "request_id":"…","slot":0,"context":{"country":"DE"}}
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "events/event.h"
#include "events/event_row.h"

namespace palate {

// For foreign JSON lines: which of its keys holds which of our fields. Keys not in here are skipped
// instead of refused, numbers may stand where we have strings.
struct JsonKeys {
  std::map<std::string, EventField, std::less<>> fields;
  std::map<std::string, std::string, std::less<>> context;  // its key -> key in our context
};

// Reuses its buffers from call to call. Not thread-safe: one for each thread.
class EventJsonParser {
 public:
  explicit EventJsonParser(EventRowOptions options);
  // For live events: strict fields, ts RFC 3339 or microseconds, a missing ts is `received`.
  // `types` must outlive the parser.
  EventJsonParser(const EventTypes& types, TimeUs received);
  EventJsonParser(EventJsonParser&&) noexcept;
  ~EventJsonParser();

  // Sets the time of receipt for the calls that follow.
  void set_received(TimeUs received);
  void set_contract(std::shared_ptr<const Contract> contract);
  void set_keys(JsonKeys keys);
  // What fields hold that the object does not give.
  void set_constants(const EventTexts& constants);
  // One event. Its strings are copied into the batch's arena. A row is added only when the reason
  // is kNone.
  Rejection parse(std::string_view json, EventBatch& batch);
  // The same without copying: `json` must outlive the batch and be followed by 64 readable bytes
  // (their content does not matter). Strings that hold escapes are copied still.
  Rejection parse_in_place(std::string_view json, EventBatch& batch);
  // A request's body: one event, or an array of at most `events_max`. Refused events are reported
  // with their place in the array and left out. Errors: kInvalidArgument when the body is not JSON
  // of this shape (the batch then holds what came before and is to be dropped).
  using OnReject = std::function<void(size_t index, Rejection)>;
  Status parse_body(std::string_view body, size_t events_max, EventBatch& batch,
                    const OnReject& on_reject);

  // The canonical form of a context that came as the text of a JSON object; valid until the next
  // call.
  Reason canonical_context(std::string_view json, std::string_view& canonical);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The same event as one JSON object, for export and quarantine.
std::string to_json(const EventView& row, std::string_view type_name);

}  // namespace palate
