// From the texts of one row to an EventView: shared by all readers, so that a rating means the same
// in CSV, JSON and Parquet.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "events/event.h"
#include "events/event_types.h"
#include "events/number_text.h"
#include "events/validate.h"

namespace palate {

class Contract;

enum class EventField : uint8_t {
  kEventId,
  kType,
  kUser,
  kItem,
  kTs,
  kValue,
  kRequestId,
  kSlot,
  kContext,
};
inline constexpr std::array<std::string_view, 9> kEventFieldNames = {
    "event_id", "type", "user", "item", "ts", "value", "request_id", "slot", "context"};

// What a row gives for each field; empty: not given. `context` is canonical JSON already.
struct EventTexts {
  std::array<std::string_view, kEventFieldNames.size()> texts{};
  bool clean = false;  // no invalid UTF-8 and no control characters in any of them
  std::string_view& operator[](EventField field) { return texts[static_cast<size_t>(field)]; }
  std::string_view operator[](EventField field) const { return texts[static_cast<size_t>(field)]; }
};

struct EventRowOptions {
  const EventTypes* types = nullptr;
  std::map<std::string, std::string, std::less<>> type_names;  // the source's name -> ours
  std::string default_type;                                    // for rows that name none
  TimeUnit ts_unit = TimeUnit::kMicros;
  TimeKind time = TimeKind::kReal;
  TimeUs received;                           // for kNone, kOrder and live events
  bool missing_ts_is_now = false;            // live events: no ts means `received`
  bool received_is_ts = false;               // imports with real time
  std::shared_ptr<const Contract> contract;  // nullptr: the tenant asks no more than all do
};

// Not thread-safe (it remembers the last type); cheap to copy for each thread.
class EventRowBuilder {
 public:
  explicit EventRowBuilder(EventRowOptions options) : options_(std::move(options)) {}
  // Fills `row`, whose strings point where `texts` do, and validates it.
  Reason build(const EventTexts& texts, EventView& row);
  // What build() refused last, in words.
  [[nodiscard]] Rejection describe(Reason reason, const EventTexts& texts,
                                   const EventView& row) const;
  void set_received(TimeUs received) { options_.received = received; }
  void set_contract(std::shared_ptr<const Contract> contract) {
    options_.contract = std::move(contract);
  }

 private:
  Reason set_type(std::string_view name, EventView& row);
  Reason find_type(std::string_view name);
  Reason set_time(std::string_view text, EventView& row) const;
  EventRowOptions options_;
  std::string last_name_;
  bool last_is_default_ = false;  // it was not given, so that there is nothing to compare
  EventTypeId last_type_;
  bool needs_item_ = false;  // all but neutral types (search, survey) are about an item
};

}  // namespace palate
