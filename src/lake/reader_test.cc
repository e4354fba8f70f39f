#include "lake/reader.h"

#include <algorithm>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lake/lake_for_test.h"

namespace palate::lake {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class ReaderTest : public LakeTest {
 protected:
  void SetUp() override {
    LakeTest::SetUp();
    std::vector<Said> events;
    for (int64_t i = 0; i < 3000; ++i) {
      events.push_back({fmt::format("user{}", i % 97), fmt::format("item{}", i % 31), i % 11});
      events.back().second = i;
    }
    log_events(events, 0, 500);
    compacted();
  }
  static std::vector<std::string> sorted(std::vector<std::string> lines) {
    std::ranges::sort(lines);
    return lines;
  }
};

TEST_F(ReaderTest, OneSeedGivesOneOrderWhateverTheThreads) {
  const auto two = lines({.shuffle_seed = 5});
  ThreadPool one(1);
  readers_ = &one;
  EXPECT_EQ(lines({.shuffle_seed = 5}), two);
  EXPECT_NE(lines({.shuffle_seed = 6}), two);
  const auto stored = zone_lines(Zone::kClean);
  EXPECT_NE(stored, two);
  EXPECT_EQ(sorted(stored), sorted(two));
  EXPECT_THAT(stored, SizeIs(3000));
}

// Shuffled rows of one user are not beside each other, as they are in the files.
TEST_F(ReaderTest, ShufflingMixesUsers) {
  const auto neighbours = [](const std::vector<std::string>& lines) {
    size_t same = 0;
    for (size_t i = 1; i < lines.size(); ++i) {
      same += lines[i].substr(lines[i].find(' '), 33) ==
              lines[i - 1].substr(lines[i - 1].find(' '), 33);
    }
    return same;
  };
  EXPECT_GT(neighbours(zone_lines(Zone::kClean)), 1000U);
  EXPECT_LT(neighbours(lines({.shuffle_seed = 5})), 100U);
}

TEST_F(ReaderTest, PartsShareTheUsersAndKeepThePlaces) {
  const auto all = lines({.shuffle_seed = 5});
  std::vector<std::string> together;
  for (uint64_t part = 0; part < 3; ++part) {
    const auto rows = lines({.shuffle_seed = 5, .part = part, .parts = 3});
    EXPECT_THAT(rows, Not(IsEmpty()));
    size_t at = 0;  // each part is a subsequence of the whole
    for (const auto& row : rows) {
      while (at < all.size() && all[at] != row) ++at;
      ASSERT_LT(at, all.size());
    }
    together.insert(together.end(), rows.begin(), rows.end());
  }
  EXPECT_EQ(sorted(together), sorted(all));
  EXPECT_FALSE(LakeReader::open(lake_, {.columns = {0}, .part = 3, .parts = 3}));
}

TEST_F(ReaderTest, ATimeRangeReadsItsDaysOnly) {
  const ReadOptions range{.columns = {event::kItem},
                          .from_us = (kFirstDay + 2) * kDayUs,
                          .until_us = (kFirstDay + 4) * kDayUs};
  for (const auto& line : lines(range)) EXPECT_TRUE(line[0] == '2' || line[0] == '3') << line;
  const auto reader = LakeReader::open(lake_, range);
  EXPECT_LT(reader->rows_max(), 700U);
}

// Whatever the threads, the same rows as in order: of all, of some users, of some days, without who
// was forgotten.
TEST_F(ReaderTest, UnorderedReadingGivesTheSameRows) {
  const auto positions = [&](const ReadOptions& options, bool ordered) {
    std::mutex mutex;
    std::vector<std::pair<int64_t, std::string>> rows;
    const auto visit = [&](const Table& table) -> Status {
      const std::lock_guard lock(mutex);
      for (size_t i = 0; i < table.rows; ++i) {
        rows.emplace_back(table.columns[event::kOffset].integers[i],
                          table.columns[event::kItem].texts[i]);
      }
      return {};
    };
    const auto reader = LakeReader::open(lake_, options);
    EXPECT_TRUE(reader);
    EXPECT_TRUE(ordered ? reader->read(pool_, visit) : reader->read_unordered(pool_, visit));
    std::ranges::sort(rows);
    return rows;
  };
  ASSERT_TRUE(lake_.forget(hash_.user("user5")));
  const ReadOptions all{.columns = {event::kItem, event::kOffset}};
  ReadOptions part = all, days = all;
  part.part = 1, part.parts = 3;
  days.from_us = (kFirstDay + 2) * kDayUs + 1'000'000'000;
  days.until_us = (kFirstDay + 7) * kDayUs;
  EXPECT_THAT(positions(all, true), SizeIs(3000 - 31));
  for (const ReadOptions& options : {all, part, days}) {
    EXPECT_THAT(positions(options, true), Not(IsEmpty()));
    EXPECT_EQ(positions(options, false), positions(options, true));
  }
}

TEST_F(ReaderTest, UnorderedReadingStopsAtTheFirstError) {
  const auto reader = LakeReader::open(lake_, {.columns = {event::kItem}});
  const auto read = reader->read_unordered(
      pool_, [](const Table& /*rows*/) -> Status { return fail(Code::kBusy, "enough"); });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, "enough");
}

TEST_F(ReaderTest, OnlyWantedColumnsAreFilled) {
  const auto reader = LakeReader::open(lake_, {.columns = {event::kItem}});
  ASSERT_TRUE(reader->read(pool_, [&](const Table& rows) -> Status {
    EXPECT_THAT(rows.columns[event::kItem].texts, SizeIs(rows.rows));
    EXPECT_THAT(rows.columns[event::kUser].ids, IsEmpty());
    EXPECT_THAT(rows.columns[event::kContext].texts, IsEmpty());
    return {};
  }));
  const std::vector<std::string_view> names{"item", "nonsense"};
  EXPECT_FALSE(columns_named(Zone::kClean, names));
}

TEST_F(ReaderTest, WithoutALakeItSaysWhatToDo) {
  std::filesystem::remove_all(root_);
  const auto reader = LakeReader::open(lake_, {.columns = {event::kItem}});
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace palate::lake
