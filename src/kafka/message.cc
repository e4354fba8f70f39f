#include "kafka/message.h"

#include <algorithm>

#include "base/hash.h"
#include "events/block.h"
#include "events/json_elements.h"
#include "events/limits.h"

namespace palate {
namespace {

constexpr size_t kEventsPerMessageMax = 100'000;

std::string name_of(const MessagePlace& place, size_t index) {
  std::string name = fmt::format("{}/{}/{}/{}", place.topic, place.partition, place.offset, index);
  return name.size() <= kIdBytesMax ? name : to_hex(hash128(name));
}

}  // namespace

Result<MessageRows> read_block_message(std::string_view bytes, const EventTypes& types) {
  MessageRows rows;
  rows.batch = TRY(decode_events(bytes, types));
  size_t index = 0;
  const auto refuse = [&](const EventView& row) {
    const bool known = row.type.value < types.size();
    const Reason reason = known ? check_event(row, {.now = row.received}) : Reason::kUnknownType;
    if (reason != Reason::kNone) {
      rows.refused.push_back(
          {index, describe(reason, row),
           to_json(row, known ? std::string_view(types.at(row.type).name) : "")});
    }
    ++index;
    return reason != Reason::kNone;
  };
  auto& all = rows.batch.rows;
  // In order, so that `index` counts.
  std::vector<EventView> kept;
  kept.reserve(all.size());
  for (const EventView& row : all) {
    if (!refuse(row)) kept.push_back(row);
  }
  all = std::move(kept);
  return rows;
}

Result<MessageRows> read_json_message(std::string_view bytes, const MessagePlace& place,
                                      EventJsonParser& parser) {
  MessageRows rows;
  TRY(parser.parse_body(bytes, kEventsPerMessageMax, rows.batch, [&](size_t index, Rejection why) {
    rows.refused.push_back({index, std::move(why), ""});
  }));
  if (!rows.refused.empty()) {
    const auto elements = TRY(json_elements(bytes, kEventsPerMessageMax));
    for (MessageRows::Refused& row : rows.refused) row.bytes = elements.texts.at(row.index);
  }
  size_t index = 0;
  size_t refused = 0;
  for (EventView& row : rows.batch.rows) {
    while (refused < rows.refused.size() && rows.refused[refused].index == index) {
      ++refused;
      ++index;
    }
    if (row.event_id.empty()) row.event_id = rows.batch.arena.copy(name_of(place, index));
    ++index;
  }
  return rows;
}

}  // namespace palate
