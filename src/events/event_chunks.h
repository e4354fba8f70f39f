// Parsers of chunks of events, one for each form of source.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "events/chunk_pipeline.h"
#include "events/event_json.h"
#include "events/event_row.h"
#include "events/table_rows.h"

namespace palate {

// How the rows of one source become events.
struct EventPlan {
  EventRowOptions row;
  EventTexts constants;  // point into strings that outlive the plan
  // Tables:
  Dialect dialect;
  size_t columns = 0;
  std::vector<std::pair<EventField, size_t>> fields;
  std::vector<std::pair<std::string, size_t>> context;  // key in our context, column
  // JSON lines: nullopt for our own form, in which unknown fields are refused.
  std::optional<JsonKeys> keys;
};

// Each is called once a thread; the plan must outlive the parsers.
ChunkParser event_table_parser(const EventPlan& plan);
ChunkParser event_list_parser(const EventPlan& plan);
ChunkParser event_json_parser(const EventPlan& plan);
ChunkParser event_cell_parser(const EventPlan& plan);

}  // namespace palate
