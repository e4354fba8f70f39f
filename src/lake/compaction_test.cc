#include "lake/compaction.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/faults.h"
#include "lake/lake_for_test.h"
#include "lake/tombstones.h"

namespace palate::lake {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;

class CompactionTest : public LakeTest {};

// Events with repeats (by id and by content) and late ones, the same for the same seed.
std::vector<Said> drawn_events(uint64_t seed, size_t count, uint64_t days = 6) {
  std::mt19937_64 dice(seed);
  std::vector<Said> events;
  for (size_t i = 0; i < count; ++i) {
    if (!events.empty() && dice() % 5 == 0) {
      events.push_back(events[dice() % events.size()]);
      continue;
    }
    Said said{fmt::format("user{}", dice() % 9), fmt::format("item{}", dice() % 4),
              static_cast<int64_t>(dice() % days)};
    said.second = static_cast<int64_t>(dice() % 86'400);
    if (dice() % 2 == 0) said.event_id = fmt::format("event{}", dice());
    events.push_back(said);
  }
  return events;
}

TEST_F(CompactionTest, RawHasEverythingAndCleanEachEventOnce) {
  log_events({{"ann", "a", 0},
              {"ann", "a", 0},
              {"bob", "b", 1, "x"},
              {"bob", "b", 1, "x"},
              {"bob", "c", 1, "y"}});
  const auto report = compacted();
  EXPECT_EQ(report.events, 5U);
  EXPECT_EQ(report.duplicates, 2U);
  EXPECT_THAT(zone_lines(Zone::kRaw), SizeIs(5));
  const auto clean = zone_lines(Zone::kClean);
  ASSERT_THAT(clean, SizeIs(3));
  EXPECT_THAT(clean, Contains(HasSubstr(" a click 0/0")));
  expect_whole();
}

TEST_F(CompactionTest, RepeatsAreFoundAcrossCompactionsAndNeighbouringDays) {
  log_events({{"ann", "a", 0, "x"}, {"ann", "b", 0}});
  compacted();
  log_events({{"ann", "a", 1, "x"}, {"ann", "b", 0}, {"ann", "b", 1}, {"ann", "a", 3, "x"}});
  const auto report = compacted();
  EXPECT_EQ(report.duplicates, 2U);  // x a day later, b again; not b on another day, nor x on day 3
  EXPECT_THAT(zone_lines(Zone::kClean), SizeIs(4));
  expect_whole();
}

// Any way of cutting the log into compactions gives the rows that one compaction gives.
TEST_F(CompactionTest, ManySmallCompactionsGiveWhatOneGives) {
  const auto events = drawn_events(7, 400);
  config_.dedup_days = 30;
  for (size_t i = 0; i < events.size(); i += 40) {
    log_events({events.begin() + static_cast<ptrdiff_t>(i),
                events.begin() + static_cast<ptrdiff_t>(i + 40)});
    compacted();
  }
  expect_whole();
  const auto raw = zone_lines(Zone::kRaw), clean = zone_lines(Zone::kClean);
  std::filesystem::remove_all(root_);
  compacted();
  expect_whole();
  EXPECT_THAT(raw, UnorderedElementsAreArray(zone_lines(Zone::kRaw)));
  EXPECT_THAT(clean, UnorderedElementsAreArray(zone_lines(Zone::kClean)));
  EXPECT_LT(clean.size(), raw.size());
}

TEST_F(CompactionTest, NothingNewChangesNothing) {
  log_events({{"ann", "a", 0}});
  const auto first = compacted();
  EXPECT_EQ(first.manifests, 1U);
  const auto second = compacted();
  EXPECT_EQ(second.manifests, 0U);
  EXPECT_EQ(second.manifest, first.manifest);
}

TEST_F(CompactionTest, ALateEventLandsInItsDayAndSmallFilesAreMerged) {
  log_events({{"ann", "a", 0}, {"ann", "a", 5}});
  compacted();
  log_events({{"bob", "b", 0}});
  const auto report = compacted();
  EXPECT_EQ(report.files_replaced, 2U);  // the first day's, raw and clean
  EXPECT_EQ(report.files_written, 2U);
  EXPECT_THAT(zone_lines(Zone::kClean), SizeIs(3));
  EXPECT_EQ(lake_.current()->value().files.size(), 4U);
  expect_whole();
}

TEST_F(CompactionTest, TypesThatAreNoLongerDeclaredKeepTheirNames) {
  EventType type;
  type.name = "nod";
  ASSERT_TRUE(types_.declare(type));
  log_events({{"ann", "a", 0, "", "nod"}, {"ann", "b", 0}});
  types_ = EventTypes::defaults();
  compacted();
  EXPECT_THAT(zone_lines(Zone::kRaw), Contains(HasSubstr(" a nod ")));
}

TEST_F(CompactionTest, RegionsAreFoldersAndStayWhatTheyWere) {
  config_.region_key = "country";
  log_events({{"ann", "a", 0, "", "click", R"({"country":"DE"})"},
              {"bob", "a", 0, "", "click", R"({"country":"../etc"})"},
              {"cid", "a", 0}});
  compacted();
  EXPECT_TRUE(std::filesystem::exists(root_ / "raw/day=2024-10-04/region=DE"));
  EXPECT_TRUE(
      std::filesystem::exists(root_ / "clean/day=2024-10-04/region=__HIVE_DEFAULT_PARTITION__"));
  EXPECT_EQ(lake_.current()->value().files.size(), 4U);
  config_.region_key = "";
  const auto refused = compact_now();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
}

TEST_F(CompactionTest, PartitionsKeepTheirOffsets) {
  log_events({{"ann", "a", 0}, {"ann", "b", 0}}, 0);
  log_events({{"bob", "a", 0}}, 3);
  compacted();
  EXPECT_THAT(zone_lines(Zone::kRaw), Contains(HasSubstr(" 3/0")));
  log_events({{"bob", "b", 0}}, 3);
  EXPECT_EQ(compacted().events, 1U);
  EXPECT_THAT(zone_lines(Zone::kRaw), Contains(HasSubstr(" 3/1")));
  expect_whole();
}

// ---- forgetting and expiry -------------------------------------------------------------------

TEST_F(CompactionTest, AForgottenUserIsInNoFileOfTheLake) {
  const std::string name = "jane.doe@example.com";
  config_.grace_s = 1e6;  // replaced files would stay, were it not for whom they hold
  log_users({name, "bob"});
  log_events({{name, "a", 0, name + "-1"}, {"bob", "b", 0, "y"}});
  compacted();
  log_events({{name, "c", 0}, {"bob", "c", 2}});
  compacted();
  const UserId user = hash_.user(name);
  ASSERT_TRUE(lake_.forget(user));
  EXPECT_THAT(zone_lines(Zone::kRaw), SizeIs(2));  // at once
  const auto report = compacted();
  EXPECT_EQ(report.forgotten, 5U);  // two events, raw and clean, and a record
  EXPECT_THAT(zone_lines(Zone::kClean), SizeIs(2));
  for (const Path& file : files()) {
    const std::string bytes = *read_file(file);
    for (const auto& needle : {std::string(user.bytes()), hex_of(user), name}) {
      EXPECT_EQ(bytes.find(needle), std::string::npos) << file;
    }
  }
  const auto record = read_forgotten(root_);
  ASSERT_TRUE(record);
  ASSERT_THAT(*record, SizeIs(1));
  EXPECT_EQ(record->front().what.user_digest, digest_of(user));
  EXPECT_THAT(record->front().what.rows, ::testing::ElementsAre(2, 2, 0, 1));
  EXPECT_THAT(*read_tombstones(root_), IsEmpty());
  expect_whole();
}

TEST_F(CompactionTest, WhatAUserDoesAfterwardsStays) {
  log_events({{"ann", "a", 0}});
  compacted();
  ASSERT_TRUE(lake_.forget(hash_.user("ann"), *log_.ends()));
  log_events({{"ann", "b", 0}});
  compacted();
  EXPECT_THAT(zone_lines(Zone::kClean), ::testing::ElementsAre(HasSubstr(" b click 0/1")));
}

TEST_F(CompactionTest, DaysAndTypesExpire) {
  log_events(
      {{"ann", "a", 0}, {"ann", "a", 9, "", "impression"}, {"ann", "b", 9}, {"ann", "c", 12}});
  compacted();
  set_clock_for_test([] { return TimeUs{(kFirstDay + 13) * kDayUs}; });
  config_.keep_days = 10;
  config_.keep_days_of["impression"] = 2;
  const auto report = compacted();
  EXPECT_EQ(report.expired, 4U);
  EXPECT_THAT(zone_lines(Zone::kRaw), SizeIs(2));
  expect_whole();
  log_events({{"ann", "late", 1}});
  EXPECT_EQ(compacted().expired, 1U);
  EXPECT_THAT(zone_lines(Zone::kRaw), SizeIs(2));
}

TEST_F(CompactionTest, AClockFromTheFutureEmptiesNothing) {
  log_events({{"ann", "a", 0}});
  config_.keep_days = 10;
  set_clock_for_test([] { return TimeUs{(kFirstDay + 4000) * kDayUs}; });
  const auto refused = compact_now();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("every day would go"));
  set_clock_for_test([] { return TimeUs{(kFirstDay - 4000) * kDayUs}; });
  EXPECT_EQ(compacted().expired, 0U);
}

TEST_F(CompactionTest, ReplacedFilesStayForTheGraceTime) {
  config_.grace_s = 100;
  set_clock_for_test([] { return TimeUs{kFirstDay * kDayUs}; });
  log_events({{"ann", "a", 0}});
  compacted();
  const auto opened = LakeReader::open(lake_, {.zone = Zone::kClean, .columns = {event::kItem}});
  log_events({{"bob", "a", 0}});
  compacted();
  size_t rows = 0;
  const auto count = [&](const Table& table) -> Status {
    rows += table.rows;
    return {};
  };
  EXPECT_TRUE(opened->read(pool_, count));  // what it was when it was opened
  EXPECT_EQ(rows, 1U);
  set_clock_for_test([] { return TimeUs{kFirstDay * kDayUs + 200 * kSecondUs}; });
  compacted();
  const auto gone = opened->read(pool_, count);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Code::kBusy);
}

// ---- faults ----------------------------------------------------------------------------------

// Each operation on a file fails once: the lake is the old or the new one, and the next compaction
// makes the rest.
TEST_F(CompactionTest, AnErrorAtAnyOperationLeavesTheOldLakeOrTheNew) {
  const auto events = drawn_events(11, 20, 2);
  log_items({"item0", "item1", "item2", "item3"});
  log_events({events.begin(), events.begin() + 10});
  compacted();
  ASSERT_TRUE(lake_.forget(hash_.user("user3")));
  log_events({events.begin() + 10, events.end()});
  const Path before = root_.string() + "-before";
  std::filesystem::copy(root_, before, std::filesystem::copy_options::recursive);
  const auto restore = [&] {
    std::filesystem::remove_all(root_);
    std::filesystem::copy(before, root_, std::filesystem::copy_options::recursive);
  };
  const auto old_lines = zone_lines(Zone::kClean);
  size_t operations = 0;
  set_file_faults_for_test([&](std::string_view, const Path&) { return ++operations, 0; });
  compacted();
  set_file_faults_for_test(nullptr);
  const auto new_lines = zone_lines(Zone::kClean);
  ASSERT_NE(old_lines, new_lines);
  const size_t all = operations;
  size_t failed = 0;
  for (size_t nth = 1; nth <= all; ++nth) {
    restore();
    operations = 0;
    set_file_faults_for_test(
        [&](std::string_view, const Path&) { return ++operations == nth ? ENOSPC : 0; });
    const auto report = compact_now();
    set_file_faults_for_test(nullptr);
    if (!report) ++failed;
    const auto now = zone_lines(Zone::kClean);
    EXPECT_TRUE(now == old_lines || now == new_lines) << "operation " << nth << " of " << all;
    compacted();
    EXPECT_EQ(zone_lines(Zone::kClean), new_lines) << "operation " << nth << " of " << all;
    expect_whole();
    EXPECT_THAT(*read_forgotten(root_), SizeIs(1)) << "operation " << nth << " of " << all;
    EXPECT_TRUE(std::filesystem::is_empty(root_ / "staging"));
  }
  EXPECT_GT(failed, all / 2);
  std::filesystem::remove_all(before);
}

TEST_F(CompactionTest, OneAtATime) {
  log_events({{"ann", "a", 0}});
  const auto held = LakeWriter::open(lake_);
  ASSERT_TRUE(held);
  const auto second = compact_now();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kConflict);
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string(::getpid())));
}

TEST_F(CompactionTest, AnotherLogOrKeyIsRefused) {
  log_events({{"ann", "a", 0}, {"ann", "b", 0}});
  compacted();
  const KeyedHash other(KeyedHash::Key{9}, Tenant{});
  const auto key = compact(source_of(log_, types_, other, {}), {lake_, config_, pool_});
  ASSERT_FALSE(key);
  EXPECT_THAT(key.error().message, HasSubstr("id.key"));
  log_ = PartitionedLog();
  log_events({{"ann", "a", 0}});
  const auto log = compact_now();
  ASSERT_FALSE(log);
  EXPECT_THAT(log.error().message, HasSubstr("another log"));
}

TEST_F(CompactionTest, StoppedItLeavesTheLakeAsItWas) {
  log_events({{"ann", "a", 0}});
  compacted();
  log_events({{"ann", "b", 0}});
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = compact(source(), {lake_, config_, pool_, stop.get_token()});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
  EXPECT_THAT(zone_lines(Zone::kClean), SizeIs(1));
  EXPECT_EQ(compacted().events, 1U);
}

// ---- damage ----------------------------------------------------------------------------------

TEST_F(CompactionTest, VerifyFindsWhatIsMissingFlippedOrForeign) {
  log_events({{"ann", "a", 0}, {"ann", "b", 1}});
  compacted();
  expect_whole();
  const auto manifest = lake_.current()->value();
  const Path first = root_ / manifest.files[0].path, second = root_ / manifest.files[1].path;
  const std::string original = *read_file(first);
  const auto finding = [&] {
    const auto found = verify_lake({lake_, log_, types_}, pool_, {});
    return found && !found->findings.empty() ? found->findings.front() : std::string("whole");
  };
  std::string flipped = original;
  flipped[flipped.size() / 2] ^= 4;
  ASSERT_TRUE(write_file_atomically(first, flipped));
  EXPECT_THAT(finding(), HasSubstr("checksum"));
  ASSERT_TRUE(write_file_atomically(first, *read_file(second)));
  EXPECT_NE(finding(), "whole");
  ASSERT_TRUE(write_file_atomically(first, original.substr(0, 100)));
  EXPECT_THAT(finding(), HasSubstr("100 bytes"));
  ASSERT_TRUE(remove_file(first));
  EXPECT_THAT(finding(), HasSubstr("missing"));
  ASSERT_TRUE(write_file_atomically(first, original));
  EXPECT_EQ(finding(), "whole");
}

// A log whose oldest part is gone.
class ShortenedLog : public PartitionedLog {
 public:
  Status read(Position from, const std::function<Status(const Block&)>& visit) const override {
    return PartitionedLog::read(from, [&](const Block& block) -> Status {
      return block.first.offset < gone ? Status() : visit(block);
    });
  }
  uint64_t gone = 0;
};

TEST_F(CompactionTest, WhatTheLogHasDroppedIsCounted) {
  log_events({{"ann", "a", 0}, {"ann", "b", 0}, {"ann", "c", 0}, {"ann", "d", 0}}, 0, 2);
  ShortenedLog shortened;
  for (const auto part : {0, 2}) {
    ASSERT_TRUE(log_.read({Stream::kEvents, 0, static_cast<uint64_t>(part)},
                          [&](const EventLog::Block& block) -> Status {
                            if (block.first.offset != static_cast<uint64_t>(part)) return {};
                            const EventLog::Append one{Stream::kEvents, 0, block.count,
                                                       std::string(block.bytes)};
                            TRY(shortened.append({&one, 1}));
                            return {};
                          }));
  }
  shortened.gone = 2;
  ASSERT_TRUE(compact(source_of(shortened, types_, hash_, {}), {lake_, config_, pool_}));
  EXPECT_EQ(lake_.current()->value().skipped, 2U);
  EXPECT_THAT(zone_lines(Zone::kRaw), SizeIs(2));
  const auto found = verify_lake({lake_, shortened, types_}, pool_, {});
  EXPECT_THAT(found->findings, IsEmpty());
}

}  // namespace
}  // namespace palate::lake
