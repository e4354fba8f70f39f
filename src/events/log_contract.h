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
  // Whether a reader sees all blocks of an append at once or none.
  [[nodiscard]] virtual bool appends_show_at_once() const { return true; }
};

using EventLogFixtureFactory = std::unique_ptr<EventLogFixture> (*)();

class EventLogContract : public ::testing::TestWithParam<EventLogFixtureFactory> {
 protected:
  EventLog& log() { return fixture_->log(); }
  void reopen() { fixture_->reopen(); }
  [[nodiscard]] bool appends_show_at_once() const { return fixture_->appends_show_at_once(); }

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
  // The ts of all events read from `from` on, with the positions checked against each other.
  std::vector<int64_t> read(Position from) {
    std::vector<int64_t> times;
    uint64_t next = 0;
    const Status done = log().read(from, [&](const EventLog::Block& block) -> Status {
      const EventBatch batch = TRY(decode_events(block.bytes, EventTypes::defaults()));
      EXPECT_EQ(batch.rows.size(), block.count);
      EXPECT_GE(block.first.offset, next);
      next = block.first.offset + block.count;
      for (const EventView& row : batch.rows) times.push_back(row.ts.us);
      return {};
    });
    EXPECT_TRUE(done) << done.error().message;
    return times;
  }
  // Where the record `index` places behind `first` is, in the same block.
  static Position behind(Position first, uint64_t index) {
    first.offset += index;
    return first;
  }
  // Whether the log ends behind a block that begins at `first` and before whatever comes next.
  void expect_end(Position first, uint32_t count) {
    uint64_t end = 0;
    const AsOf ends = log().ends().value();
    for (const Position& at : ends) {
      if (at.stream == first.stream && at.partition == first.partition) end = at.offset;
    }
    EXPECT_GE(end, first.offset + count) << to_string(first);
    EXPECT_TRUE(read({first.stream, first.partition, end}).empty()) << to_string(first);
  }

 private:
  std::unique_ptr<EventLogFixture> fixture_ = GetParam()();
};

TEST_P(EventLogContract, EmptyLogHasNoEndsAndNothingToRead) {
  EXPECT_TRUE(log().ends().value().empty());
  EXPECT_TRUE(read({}).empty());
  EXPECT_TRUE(append({}).empty());
}

TEST_P(EventLogContract, EveryStreamAndPartitionHasItsOwnOffsets) {
  const auto first =
      append({events(0, 3), events(3, 2), user("a"), events(100, 4, 1), events(5, 1)});
  ASSERT_EQ(first.size(), 5U);
  EXPECT_EQ(first[0], (Position{Stream::kEvents, 0, 0}));
  EXPECT_EQ(first[2], (Position{Stream::kUsers, 0, 0}));
  EXPECT_EQ(first[3], (Position{Stream::kEvents, 1, 0}));
  EXPECT_GE(first[1].offset, first[0].offset + 3);
  EXPECT_GE(first[4].offset, first[1].offset + 2);
  const auto then = append({events(6, 1), user("b")});
  EXPECT_GE(then[0].offset, first[4].offset + 1);
  EXPECT_GE(then[1].offset, first[2].offset + 1);
  EXPECT_EQ(log().ends().value().size(), 3U);
  expect_end(then[0], 1);
  expect_end(first[3], 4);
  EXPECT_THAT(read({}), ::testing::ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(read({Stream::kEvents, 1, 0}), ::testing::ElementsAre(100, 101, 102, 103));
}

TEST_P(EventLogContract, ReadBeginsWithTheBlockThatContainsThePosition) {
  const auto first = append({events(0, 3), events(3, 3), events(6, 1)});
  EXPECT_THAT(read(behind(first[0], 2)), ::testing::ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(read(behind(first[0], 3)), ::testing::ElementsAre(3, 4, 5, 6));
  EXPECT_THAT(read(first[1]), ::testing::ElementsAre(3, 4, 5, 6));
  EXPECT_THAT(read(behind(first[1], 2)), ::testing::ElementsAre(3, 4, 5, 6));
  EXPECT_THAT(read(first[2]), ::testing::ElementsAre(6));
  EXPECT_THAT(read(behind(first[2], 1)), ::testing::IsEmpty());
  EXPECT_THAT(read(behind(first[2], uint64_t{1} << 32)), ::testing::IsEmpty());
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
  const auto first = append({events(0, 2), user("a"), events(50, 1, 9)});
  const AsOf before = log().ends().value();
  reopen();
  EXPECT_EQ(log().ends().value(), before);
  EXPECT_GE(append({events(2, 1)}).front().offset, first[0].offset + 2);
  reopen();
  EXPECT_THAT(read({}), ::testing::ElementsAre(0, 1, 2));
}

TEST_P(EventLogContract, ReadersBesideTheWriterSeeWholePrefixes) {
  constexpr int kAppends = 50;
  std::jthread reader([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const std::vector<int64_t> times = read({});
      for (size_t i = 0; i < times.size(); ++i) {
        EXPECT_EQ(times[i], static_cast<int64_t>(i));
      }
      if (appends_show_at_once()) {
        EXPECT_EQ(times.size() % 3, 0U);
      }
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
  std::vector<Position> all;  // of every record
  const bool ok = rc::check("log against std::vector", [&] {
    const auto sizes = *rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 40));
    std::vector<EventLog::Append> group;
    auto next = static_cast<int64_t>(all.size());
    for (int size : sizes) {
      group.push_back(events(next, static_cast<uint32_t>(size)));
      next += size;
    }
    const auto first = log().append(group);
    RC_ASSERT(first.has_value());
    for (size_t b = 0; b < first->size(); ++b) {
      for (uint32_t i = 0; i < group[b].count; ++i) all.push_back(behind((*first)[b], i));
    }
    if (sizes.size() % 8 == 7) reopen();
    if (all.empty()) return;
    const auto from = *rc::gen::inRange<size_t>(0, all.size());
    const std::vector<int64_t> times = read(all[from]);
    RC_ASSERT(times.front() <= static_cast<int64_t>(from));
    RC_ASSERT(times.back() == next - 1);
    for (size_t i = 1; i < times.size(); ++i) RC_ASSERT(times[i] == times[i - 1] + 1);
  });
  EXPECT_TRUE(ok);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EventLogContract);

}  // namespace palate
