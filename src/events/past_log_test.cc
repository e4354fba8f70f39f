#include "events/past_log.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "events/block.h"
#include "events/memory_log_for_test.h"

namespace palate {
namespace {

struct PastLogTest : testing::Test {
  // Blocks of these many events of users "0", "1", …, one each.
  void fill(const std::vector<uint8_t>& blocks) {
    for (const uint8_t count : blocks) {
      std::vector<EventView> rows;
      Arena arena;
      for (size_t i = 0; i <= count; ++i) {
        EventView row;
        row.user = arena.copy(std::to_string(events++));
        row.item = "item";
        row.type = *types.find("like");
        row.ts = {static_cast<int64_t>(events)};
        rows.push_back(row);
      }
      for (EncodedBlock& block : encode_events(rows, types)) {
        const EventLog::Append append{Stream::kEvents, 0, block.count, std::move(block.bytes)};
        EXPECT_TRUE(log.append({&append, 1}));
      }
    }
  }
  // The users of all events from an offset on, each at its offset; "" where nothing is said.
  std::map<uint64_t, std::string> users(const EventLog& of, uint64_t from = 0) const {
    std::map<uint64_t, std::string> users;
    const Status read =
        of.read({Stream::kEvents, 0, from}, [&](const EventLog::Block& block) -> Status {
          const EventBatch batch = TRY(decode_events(block.bytes, types));
          EXPECT_EQ(batch.rows.size(), block.count);
          for (size_t i = 0; i < batch.rows.size(); ++i) {
            users[block.first.offset + i] = batch.rows[i].user;
          }
          return {};
        });
    EXPECT_TRUE(read);
    return users;
  }
  static Position event(uint64_t offset) { return {Stream::kEvents, 0, offset}; }

  const EventTypes types = EventTypes::defaults();
  MemoryLog log;
  uint64_t events = 0;
};

RC_GTEST_FIXTURE_PROP(PastLogTest, EndsWhereItIsToldAndSaysNothingOfWhatIsLeftOut,
                      (const std::vector<uint8_t>& blocks, uint16_t end, uint16_t gone)) {
  fill(blocks);
  const PastLog past(log, {event(end)}, {event(gone)});
  std::map<uint64_t, std::string> expected;
  for (uint64_t i = 0; i < std::min<uint64_t>(events, end); ++i) {
    expected[i] = i == gone ? "" : std::to_string(i);
  }
  RC_ASSERT(users(past) == expected);
  const AsOf ends = *past.ends();
  RC_ASSERT(ends.size() == (expected.empty() ? 0u : 1u));
  if (!ends.empty()) RC_ASSERT(ends.front() == event(expected.size()));
}

TEST_F(PastLogTest, CutsItemsUsersAndDecisionsToo) {
  std::vector<ItemRecord> items(3);
  std::vector<UserRecord> users(3);
  for (size_t i = 0; i < 3; ++i) items[i].id = users[i].id = std::to_string(i);
  const std::vector<DecisionRecord> decisions{
      *decision_from_json(R"({"request_id":"a","made":1})"),
      *decision_from_json(R"({"request_id":"b","made":2})")};
  std::vector<EventLog::Append> appends;
  appends.push_back({Stream::kItems, 0, 3, encode_items(items).front().bytes});
  appends.push_back({Stream::kUsers, 0, 3, encode_users(users).front().bytes});
  appends.push_back({Stream::kDecisions, 0, 2, encode_decisions(decisions).front().bytes});
  ASSERT_TRUE(log.append(appends));
  const PastLog past(log,
                     {{Stream::kItems, 0, 2}, {Stream::kUsers, 0, 1}, {Stream::kDecisions, 0, 1}});
  size_t seen = 0;
  for (const Stream stream : {Stream::kItems, Stream::kUsers, Stream::kDecisions}) {
    ASSERT_TRUE(past.read({stream, 0, 0}, [&](const EventLog::Block& block) -> Status {
      seen += block.count;
      return {};
    }));
  }
  EXPECT_EQ(seen, 4u);
  EXPECT_EQ(past.ends()->size(), 3u);
}

TEST_F(PastLogTest, TakesNothingInAndPassesErrorsOn) {
  fill({3, 3});
  PastLog past(log, {event(6)});
  EXPECT_EQ(past.append({}).error().code, Code::kPermission);
  const Status read =
      past.read(event(0), [](const EventLog::Block&) { return Status(fail(Code::kIo, "full")); });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kIo);
}

}  // namespace
}  // namespace palate
