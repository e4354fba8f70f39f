#include "kafka/message.h"

#include <set>

#include <gmock/gmock.h>

#include "events/block.h"
#include "kafka/kafka_log.h"

namespace palate {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr TimeUs kNow{1'700'000'000'000'000};

std::vector<std::string> ids_of(const MessageRows& rows) {
  std::vector<std::string> ids;
  for (const EventView& row : rows.batch.rows) ids.emplace_back(row.event_id);
  return ids;
}

std::vector<size_t> refused_of(const MessageRows& rows) {
  std::vector<size_t> places;
  for (const auto& refused : rows.refused) places.push_back(refused.index);
  return places;
}

// A message of many wrong rows is kept row by row, not a copy of itself for each.
TEST(Message, RefusedRowsAreKeptAlone) {
  const EventTypes types = EventTypes::defaults();
  EventJsonParser parser(types, kNow);
  const auto rows = read_json_message(R"([ {"type":"like","user":"u"} , {"user": 5}])",
                                      {"clicks", 3, 77}, parser);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->refused.size(), 2u);
  EXPECT_EQ(rows->refused[0].bytes, R"({"type":"like","user":"u"})");
  EXPECT_EQ(rows->refused[1].bytes, R"({"user": 5})");
}

// Those that are refused count, so that the names of the others do not depend on them.
TEST(Message, AnEventWithoutANameIsNamedByItsPlace) {
  const EventTypes types = EventTypes::defaults();
  EventJsonParser parser(types, kNow);
  const auto rows = read_json_message(R"([{"type":"like","user":"u","item":"a"},{"type":"like"},)"
                                      R"({"event_id":"own","type":"like","user":"u","item":"b"},)"
                                      R"({"type":"like","user":"u","item":"c"}])",
                                      {"clicks", 3, 77}, parser);
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_THAT(ids_of(*rows), ElementsAre("clicks/3/77/0", "own", "clicks/3/77/3"));
  EXPECT_THAT(refused_of(*rows), ElementsAre(1));
  const std::string topic(240, 't');
  const auto long_name = read_json_message(R"({"type":"like","user":"u","item":"a"})",
                                           {topic, 3, 1'000'000'000}, parser);
  ASSERT_THAT(long_name->batch.rows, SizeIs(1));
  EXPECT_EQ(check_event(long_name->batch.rows.front(), {.now = kNow}), Reason::kNone);
}

TEST(Message, WhatIsNeitherAnEventNorAnArrayIsPoison) {
  const EventTypes types = EventTypes::defaults();
  EventJsonParser parser(types, kNow);
  for (const char* poison : {"", "no JSON", "7", "[1", "{\"type\":", "\xff\xfe"}) {
    EXPECT_FALSE(read_json_message(poison, {"t", 0, 0}, parser)) << poison;
  }
}

// A block of a program with other limits or types: its good rows are taken.
TEST(Message, RowsOfABlockAreCheckedAgain) {
  EventTypes types = EventTypes::defaults();
  std::vector<EventView> rows(4);
  for (EventView& row : rows) {
    row.user = "u";
    row.item = "i";
    row.ts = row.received = kNow;
    row.type = *types.find("like");
  }
  rows[1].user = "";
  rows[2].ts = TimeUs{kNow.us + 400 * kDayUs};
  const auto read = read_block_message(encode_events(rows, types).front().bytes, types);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(refused_of(*read), ElementsAre(1, 2));
  EXPECT_EQ(read->refused[0].why.reason, Reason::kMissingUser);
  EXPECT_THAT(read->batch.rows, SizeIs(2));
}

TEST(Message, WhatIsNoBlockIsPoison) {
  const EventTypes types = EventTypes::defaults();
  std::vector<EventView> rows(1);
  rows[0].user = "u";
  rows[0].item = "i";
  rows[0].type = *types.find("like");
  std::string bytes = encode_events(rows, types).front().bytes;
  ASSERT_TRUE(read_block_message(bytes, types));
  bytes[bytes.size() / 2] ^= 1;
  EXPECT_FALSE(read_block_message(bytes, types));
  EXPECT_FALSE(read_block_message("", types));
}

// Other programs write to the same partitions: this is a format (docs/kafka.md).
TEST(Message, TheUsersPartitionDoesNotChange) {
  EXPECT_EQ(partition_of("u1", 8), 1U);
  EXPECT_EQ(partition_of("", 8), 2U);  // XXH3-64 of nothing: 2d06800538d394c2
  std::set<uint32_t> all;
  for (int i = 0; i < 200; ++i) all.insert(partition_of("user-" + std::to_string(i), 16));
  EXPECT_THAT(all, SizeIs(16));
}

}  // namespace
}  // namespace palate
