// What a tenant's schemas ask of events, items and users beyond what every tenant's must be
// (events/validate.h). Made of the current schemas, then immutable: thread-safe.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "events/event.h"
#include "events/event_types.h"
#include "events/schema/schema_check.h"
#include "events/validate.h"

namespace palate {

// Who is known already; an empty function: everybody.
struct References {
  std::function<bool(std::string_view id)> item, user;
};

struct SchemaVersion {
  uint32_t number = 1;
  SchemaNode schema;
};

class Contract {
 public:
  // One a Stream. Of events, names of types that `types` does not have play no part.
  Contract(std::array<SchemaVersion, 3> versions, const EventTypes& types, References known = {});

  // What is wrong, with the schema's name in the sentence. An event whose schema asks no more than
  // the built-in one costs nothing; an empty string is a field that was not given, and `ts` is its
  // microseconds.
  [[nodiscard]] Rejection check(const EventView& event) const;
  [[nodiscard]] Rejection check(const ItemRecord& item) const;
  [[nodiscard]] Rejection check(const UserRecord& user) const;

  // "event/3": what data is written under.
  [[nodiscard]] std::string schema_name(Stream stream) const;

 private:
  // Of the nine fields, and of the whole behind them, those of which more is asked, by EventField.
  struct Rules {
    std::vector<std::pair<size_t, const SchemaNode*>> fields;
    std::vector<size_t> required;
  };
  void add_rules(const SchemaNode& schema, Rules& rules) const;
  [[nodiscard]] SchemaAnswer check(const Rules& rules, const EventView& event) const;
  [[nodiscard]] Rejection named(Stream stream, SchemaAnswer answer) const;
  template <class Record>
  [[nodiscard]] Rejection check_record(Stream stream, const Record& record) const;

  std::array<SchemaVersion, 3> versions_;
  References known_;
  std::array<bool, 3> asks_more_{};  // than the built-in schema
  std::vector<std::string> type_names_;
  Rules rules_;                 // of all events
  std::vector<Rules> of_type_;  // by EventTypeId; empty: no type has rules of its own
};

}  // namespace palate
