#include "lake/log_rows.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "events/block.h"

namespace palate::lake {
namespace {

struct Decoded {
  std::shared_ptr<EventBatch> batch;
  std::shared_ptr<const EventTypes> more;  // where the block knows types that the settings do not
};

// Types that the settings do not know (any more) are declared for this block, so that no name is
// lost.
Result<Decoded> decode(std::string_view block, const EventTypes& types) {
  auto batch = std::make_shared<EventBatch>(TRY(decode_events(block, types)));
  const bool all_known = std::ranges::all_of(
      batch->rows, [&](const EventView& row) { return row.type.value < types.size(); });
  if (all_known) return Decoded{std::move(batch), nullptr};
  auto more = std::make_shared<EventTypes>(types);
  for (std::string& name : TRY(block_type_names(block))) {
    if (more->find(name)) continue;
    EventType type;
    type.name = std::move(name);
    TRY(more->declare(std::move(type)));
  }
  return Decoded{std::make_shared<EventBatch>(TRY(decode_events(block, *more))), std::move(more)};
}

std::vector<std::string_view> names_of(const EventTypes& types) {
  std::vector<std::string_view> names;
  for (size_t i = 0; i < types.size(); ++i) {
    names.push_back(types.at(EventTypeId{static_cast<uint16_t>(i)}).name);
  }
  return names;
}

void append_event(Table& table, const EventView& row, std::string_view type) {
  auto& columns = table.columns;
  columns[event::kItem].texts.push_back(row.item);
  columns[event::kType].texts.push_back(type);
  columns[event::kTs].integers.push_back(row.ts.us);
  columns[event::kReceived].integers.push_back(row.received.us);
  columns[event::kValue].numbers.push_back(row.value);
  columns[event::kSlot].integers.push_back(row.slot == kNoSlot ? kNoInteger : row.slot);
  columns[event::kContext].texts.push_back(row.context);
  columns[event::kOccurrence].integers.push_back(row.occurrence);
}

void append_position(Table& table, PositionColumns at, const Position& position) {
  table.columns[at.partition].integers.push_back(position.partition);
  table.columns[at.offset].integers.push_back(static_cast<int64_t>(position.offset));
  ++table.rows;
}

// Keeps a string alive as long as the table and gives its text.
std::string_view keep(std::vector<std::string>& texts, std::string text) {
  texts.push_back(std::move(text));
  return texts.back();
}

template <class Record, class Append>
Table record_rows(std::vector<Record> records, const BlockPart& part, Zone zone, Append append) {
  Table table(columns_of(zone));
  auto texts = std::make_shared<std::vector<std::string>>();
  texts->reserve(records.size() * 8);  // never moved: views point into short strings, too
  for (size_t i = 0; i < records.size(); ++i) {
    const uint64_t offset = part.first.offset + i;
    if (offset < part.skip || offset >= part.end || records[i].id.empty()) continue;  // erased
    append(table, records[i], *texts);
    append_position(table, position_columns(zone),
                    {part.first.stream, part.first.partition, offset});
  }
  table.owners.push_back(std::move(texts));
  return table;
}

}  // namespace

Result<Table> event_rows(std::string_view block, const BlockPart& part, const EventTypes& types,
                         const KeyedHash& hash) {
  const Decoded decoded = TRY(decode(block, types));
  const std::vector<EventView>& rows = decoded.batch->rows;
  Table table(columns_of(Zone::kRaw));
  const auto names = names_of(decoded.more ? *decoded.more : types);
  for (Column& column : table.columns) column.reserve(rows.size());
  std::string_view last_user;
  UserId user;
  for (size_t i = 0; i < rows.size(); ++i) {
    const EventView& row = rows[i];
    const uint64_t offset = part.first.offset + i;
    if (offset < part.skip || offset >= part.end || row.user.empty()) continue;  // empty: erased
    if (row.user != last_user) user = hash.user(row.user);
    last_user = row.user;
    const bool has_event = !row.event_id.empty(), has_request = !row.request_id.empty();
    table.columns[event::kUser].ids.push_back({user.words});
    table.columns[event::kEvent].ids.push_back(has_event ? Hash128{hash.event(row.event_id).words}
                                                         : Hash128());
    table.columns[event::kRequest].ids.push_back(
        has_request ? Hash128{hash.request(row.request_id).words} : Hash128());
    append_event(table, row, names[row.type.value]);
    append_position(table, position_columns(Zone::kRaw),
                    {part.first.stream, part.first.partition, offset});
  }
  decoded.batch->rows = {};  // only its texts are needed on
  table.owners.push_back(decoded.batch);
  if (decoded.more) table.owners.push_back(decoded.more);
  return table;
}

Result<Table> item_rows(std::string_view block, const BlockPart& part) {
  const auto append = [](Table& table, const ItemRecord& record, std::vector<std::string>& texts) {
    table.columns[item::kItem].texts.push_back(keep(texts, record.id));
    table.columns[item::kTitle].texts.push_back(keep(texts, std::string(record.title())));
    table.columns[item::kHidden].integers.push_back(record.hidden ? 1 : 0);
    table.columns[item::kRecord].texts.push_back(keep(texts, to_json(record)));
  };
  return record_rows(TRY(decode_items(block)), part, Zone::kItems, append);
}

Result<Table> user_rows(std::string_view block, const BlockPart& part, const KeyedHash& hash) {
  const auto append = [&](Table& table, const UserRecord& record, std::vector<std::string>& texts) {
    table.columns[user::kUser].ids.push_back({hash.user(record.id).words});
    table.columns[user::kRegion].texts.push_back(keep(texts, record.region));
    table.columns[user::kLanguage].texts.push_back(keep(texts, record.language));
    table.columns[user::kAgeBand].texts.push_back(keep(texts, record.age_band));
    table.columns[user::kPersonalization].integers.push_back(record.personalization ? 1 : 0);
    const nlohmann::json rest{{"attributes", record.attributes}, {"survey", record.survey}};
    constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
    table.columns[user::kRecord].texts.push_back(keep(texts, rest.dump(-1, ' ', false, kReplace)));
  };
  return record_rows(TRY(decode_users(block)), part, Zone::kUsers, append);
}

}  // namespace palate::lake
