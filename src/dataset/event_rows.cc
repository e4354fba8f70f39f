#include "dataset/event_rows.h"

#include <algorithm>
#include <optional>

#include "base/hash.h"
#include "events/block.h"
#include "events/rating_types.h"
#include "features/name_table.h"

namespace palate {
namespace {

// What the event says about taste; nullopt where it says nothing, or is of a type that this
// configuration does not know.
std::optional<float> preference_of(const EventView& event, const EventTypes& types) {
  if (event.item.empty() || event.type.value >= types.size()) return std::nullopt;
  const float preference = types.preference(event.type, event.value);
  if (!says_something(types.at(event.type), preference, event.value)) return std::nullopt;
  return preference;
}

}  // namespace

Result<EventRows> read_event_rows(std::string_view block, Position first,
                                  const EventRowsContext& context) {
  const auto batch = TRY(decode_events(block, *context.types));
  const size_t seen = std::min<uint64_t>(batch.rows.size(), context.end_offset - first.offset);
  EventRows out;
  out.rows.reserve(seen);
  out.user.reserve(seen);
  NameTable names(seen);
  for (size_t i = 0; i < seen; ++i) {
    const auto& event = batch.rows[i];
    const auto preference = preference_of(event, *context.types);
    if (!preference) continue;
    const auto item = context.items->find(event.item);
    if (!item) {
      const Position at{first.stream, first.partition, first.offset + i};
      return fail(Code::kInvalidArgument,
                  "{} names item '{}', which is not in the item log up to where it is read; move "
                  "as_of of the items forward",
                  to_string(at), event.item);
    }
    out.user.push_back(names.number(hash64(event.user), event.user));
    out.rows.push_back({.item = *item,
                        .type = event.type,
                        .value = static_cast<float>(event.value),
                        .preference = *preference,
                        .ts = event.ts,
                        .offset = first.offset + i});
  }
  out.users.reserve(names.names().size());
  for (const auto& user : names.names()) out.users.push_back(context.hash->user(user.name));
  return out;
}

}  // namespace palate
