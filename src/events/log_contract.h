// What every EventLog must do, as a parameterized suite. An implementation plugs in with
//
//   INSTANTIATE_TEST_SUITE_P(Rocks, EventLogContract, ::testing::Values(make_rocks_fixture));
//
// where the fixture owns what the log needs. Include it in tests only.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "events/block.h"
#include "events/log.h"

namespace palate {

class EventLogFixture {
 public:
  virtual ~EventLogFixture() = default;
  virtual EventLog& log() = 0;
  // Closes the log and opens it again on the same data, as after a restart.
  virtual void reopen() = 0;
};

using EventLogFixtureFactory = std::unique_ptr<EventLogFixture> (*)();

class EventLogContract : public ::testing::TestWithParam<EventLogFixtureFactory> {
 protected:
  EventLog& log() { return fixture_->log(); }
  void reopen() { fixture_->reopen(); }

  // A block of `count` records whose ts are first, first + 1, …
  static EventLog::Append events(int64_t first, uint32_t count, uint32_t partition = 0) {
    const EventTypes types = EventTypes::defaults();
    std::vector<EventView> rows(count);
    for (uint32_t i = 0; i < count; ++i) {
      rows[i].user = "u";
      rows[i].ts = rows[i].received = TimeUs{first + i};
      rows[i].type = types.find("click").value();
    }
    const std::vector<EncodedBlock> blocks = encode_events(rows, types);
    EXPECT_EQ(blocks.size(), 1U);
    return {Stream::kEvents, partition, count, blocks.front().bytes};
  }
  static EventLog::Append user(const std::string& id) {
    UserRecord record;
    record.id = id;
    return {Stream::kUsers, 0, 1, encode_users({&record, 1}).front().bytes};
  }
  std::vector<Position> append(const std::vector<EventLog::Append>& blocks) {
    const auto positions = log().append(blocks);
    EXPECT_TRUE(positions) << positions.error().message;
    return positions.value_or(std::vector<Position>());
  }
  // The ts of all events read from `from` on, with the positions checked against them.
  std::vector<int64_t> read(Position from) {
    std::vector<int64_t> times;
    uint64_t next = 0;
    const Status done = log().read(from, [&](const EventLog::Block& block) -> Status {
      const EventBatch batch = TRY(decode_events(block.bytes, EventTypes::defaults()));
      EXPECT_EQ(batch.rows.size(), block.count);
      if (!times.empty()) {
        EXPECT_EQ(block.first.offset, next);
      }
      next = block.first.offset + block.count;
      for (const EventView& row : batch.rows) times.push_back(row.ts.us);
      return {};
    });
    EXPECT_TRUE(done) << done.error().message;
    return times;
  }

 private:
  std::unique_ptr<EventLogFixture> fixture_ = GetParam()();
};

TEST_P(EventLogContract, EmptyLogHasNoEndsAndNothingToRead) {
  EXPECT_TRUE(log().ends().value().empty());
  EXPECT_TRUE(read({}).empty());
  EXPECT_TRUE(append({}).empty());
}

TEST_P(EventLogContract, OffsetsCountRecordsPerStreamAndPartition) {
  EXPECT_THAT(
      append({events(0, 3), events(3, 2), user("a"), events(100, 4, 1), events(5, 1)}),
      ::testing::ElementsAre(Position{Stream::kEvents, 0, 0}, Position{Stream::kEvents, 0, 3},
                             Position{Stream::kUsers, 0, 0}, Position{Stream::kEvents, 1, 0},
                             Position{Stream::kEvents, 0, 5}));
  EXPECT_THAT(
      append({events(6, 1), user("b")}),
      ::testing::ElementsAre(Position{Stream::kEvents, 0, 6}, Position{Stream::kUsers, 0, 1}));
  EXPECT_THAT(log().ends().value(), ::testing::ElementsAre(Position{Stream::kEvents, 0, 7},
                                                           Position{Stream::kEvents, 1, 4},
                                                           Position{Stream::kUsers, 0, 2}));
  EXPECT_THAT(read({}), ::testing::ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(read({Stream::kEvents, 1, 0}), ::testing::ElementsAre(100, 101, 102, 103));
}

TEST_P(EventLogContract, ReadBeginsWithTheBlockThatContainsThePosition) {
  append({events(0, 3), events(3, 3), events(6, 1)});
  EXPECT_THAT(read({Stream::kEvents, 0, 2}), ::testing::ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(read({Stream::kEvents, 0, 3}), ::testing::ElementsAre(3, 4, 5, 6));
  EXPECT_THAT(read({Stream::kEvents, 0, 5}), ::testing::ElementsAre(3, 4, 5, 6));
  EXPECT_THAT(read({Stream::kEvents, 0, 6}), ::testing::ElementsAre(6));
  EXPECT_THAT(read({Stream::kEvents, 0, 7}), ::testing::IsEmpty());
  EXPECT_THAT(read({Stream::kEvents, 0, 1000}), ::testing::IsEmpty());
  EXPECT_THAT(read({Stream::kEvents, 7, 0}), ::testing::IsEmpty());
}

TEST_P(EventLogContract, ReadEndsWhereTheLogEndedWhenItBegan) {
  append({events(0, 1), events(1, 1)});
  int seen = 0;
  ASSERT_TRUE(log().read({}, [&](const EventLog::Block&) -> Status {
    ++seen;
    append({events(10 + seen, 1)});
    return {};
  }));
  EXPECT_EQ(seen, 2);
  EXPECT_EQ(read({}).size(), 4U);
}

TEST_P(EventLogContract, AnErrorOfTheVisitorIsPassedOn) {
  append({events(0, 1), events(1, 1)});
  int seen = 0;
  const Status stopped = log().read({}, [&](const EventLog::Block&) -> Status {
    ++seen;
    return fail(Code::kCancelled, "enough");
  });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
  EXPECT_EQ(seen, 1);
}

TEST_P(EventLogContract, WhatIsNoBlockIsRefusedWithAllThatCameWithIt) {
  EventLog::Append wrong_count = events(1, 2);
  wrong_count.count = 3;
  EventLog::Append damaged = events(1, 2);
  damaged.bytes[20] = static_cast<char>(damaged.bytes[20] ^ 1);
  EventLog::Append wrong_stream = events(1, 2);
  wrong_stream.stream = Stream::kItems;
  for (const EventLog::Append& bad : {wrong_count, damaged, wrong_stream}) {
    const auto refused = log().append(std::vector<EventLog::Append>{events(0, 1), bad});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  }
  EXPECT_TRUE(log().ends().value().empty());
  EXPECT_EQ(append({events(0, 1)}).front().offset, 0U);
}

TEST_P(EventLogContract, ReopeningContinuesWhereItEnded) {
  append({events(0, 2), user("a"), events(50, 1, 9)});
  reopen();
  EXPECT_THAT(log().ends().value(), ::testing::ElementsAre(Position{Stream::kEvents, 0, 2},
                                                           Position{Stream::kEvents, 9, 1},
                                                           Position{Stream::kUsers, 0, 1}));
  EXPECT_EQ(append({events(2, 1)}).front().offset, 2U);
  reopen();
  EXPECT_THAT(read({}), ::testing::ElementsAre(0, 1, 2));
}

TEST_P(EventLogContract, ReadersBesideTheWriterSeeWholePrefixes) {
  constexpr int kAppends = 100;
  std::jthread reader([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const std::vector<int64_t> times = read({});
      for (size_t i = 0; i < times.size(); ++i) {
        EXPECT_EQ(times[i], static_cast<int64_t>(i));
      }
      EXPECT_EQ(times.size() % 3, 0U);
    }
  });
  for (int i = 0; i < kAppends; ++i) {
    append({events(i * 3, 2), events(i * 3 + 2, 1)});
  }
  reader.request_stop();
  reader.join();
  EXPECT_EQ(read({}).size(), kAppends * 3U);
}

// Any sequence of groups, with reopenings between, reads back in order from any position.
TEST_P(EventLogContract, BehavesLikeAVector) {
  int64_t next = 0;
  const bool ok = rc::check("log against std::vector", [&] {
    const auto sizes = *rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 40));
    std::vector<EventLog::Append> group;
    for (int size : sizes) {
      group.push_back(events(next, static_cast<uint32_t>(size)));
      next += size;
    }
    RC_ASSERT(log().append(group).has_value());
    if (sizes.size() % 8 == 7) reopen();
    const auto from = *rc::gen::inRange<int64_t>(0, next + 1);
    const std::vector<int64_t> times = read({Stream::kEvents, 0, static_cast<uint64_t>(from)});
    RC_ASSERT((from == next ? times.empty() : times.front() <= from && times.back() == next - 1));
    for (size_t i = 1; i < times.size(); ++i) RC_ASSERT(times[i] == times[i - 1] + 1);
  });
  EXPECT_TRUE(ok);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EventLogContract);

}  // namespace palate
