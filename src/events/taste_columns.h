// The columns of an event block that say who did what with which item, as they lie there: names
// stay the numbers or the dictionary's entries that they are, so that whoever folds millions of
// events looks a name up once and not once a row. For single events see decode_events() in block.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "events/event_types.h"

namespace palate {

// Row r has entry `places[r]`, or entry r where there are no places. An entry is either a text or a
// number: 0 stands for the empty name, n + 1 for `prefix` followed by n in decimal.
struct NameColumn {
  bool is_numbers = false;
  std::string_view prefix;
  std::vector<int64_t> numbers;
  std::vector<std::string_view> texts;
  std::vector<int64_t> places;
};

class TasteColumns {
 public:
  // Replaces what was there; memory is used again. A type that `types` does not know is invalid, as
  // are `items.texts` and so on of a block without items: `has_items` says so. Errors: those of
  // decode_events(); columns that are not loaded here are skipped and only their frame is checked.
  Status load(std::string_view block, const EventTypes& types);

  size_t rows = 0;
  std::vector<EventTypeId> type;
  std::vector<int64_t> ts_us, received_us;
  std::vector<double> value;  // NaN: none
  NameColumn users, items;
  bool has_items = false;

 private:
  std::shared_ptr<const std::string> body_;  // that names point into
  std::vector<int64_t> scratch_;
};

}  // namespace palate
