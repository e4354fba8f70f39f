#include "lake/compaction.h"

#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/faults.h"
#include "lake/lake_for_test.h"
#include "lake/table_file.h"
#include "lake/tombstones.h"

namespace palate::lake {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;

class CompactionTest : public LakeTest {};

// Events with repeats (by id and by content) and late ones, the same for the same seed.
std::vector<Said> drawn_events(uint64_t seed, size_t count, uint64_t days = 6) {
  std::mt19937_64 dice(seed);
  std::vector<Said> events;
  for (size_t i = 0; i < count; ++i) {
    if (!events.empty() && dice() % 3 == 0) {
      events.push_back(events[dice() % events.size()]);
      if (dice() % 2 == 0) events.back().day = static_cast<int64_t>(dice() % days);
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
  size_t kept_before = events.size();
  for (const int64_t days : {0, 1, 2, 30}) {
    config_.dedup_days = days;
    log_ = MemoryLog();
    std::filesystem::remove_all(root_);
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
    EXPECT_THAT(raw, UnorderedElementsAreArray(zone_lines(Zone::kRaw))) << days;
    EXPECT_THAT(clean, UnorderedElementsAreArray(zone_lines(Zone::kClean))) << days;
    EXPECT_LT(clean.size(), kept_before) << days;
    kept_before = clean.size();
  }
}

TEST_F(CompactionTest, AnyNumberOfThreadsWritesTheSameBytes) {
  config_.memory_mib = 1;  // several runs: of 2,000 rows
  log_items({"a", "b"});
  const auto events = drawn_events(7, 5'000, 2);
  log_events({events.begin(), events.begin() + 3'500}, 0, 100);
  log_events({events.begin() + 3'500, events.end()}, 3, 100);
  std::map<std::string, std::string> first;
  for (const size_t threads : {1U, 2U, 5U}) {
    ThreadPool pool(threads);
    ASSERT_TRUE(compact(source(), {lake_, config_, pool}));
    EXPECT_GT(lake_.current()->value().number, 3U) << "one run tells nothing";
    std::map<std::string, std::string> bytes;
    for (const Path& file : files()) {
      if (file.extension() == ".parquet") {
        bytes[std::filesystem::relative(file, root_)] = *read_file(file);
      }
    }
    if (threads == 1) first = bytes;
    EXPECT_FALSE(first.empty());
    EXPECT_TRUE(bytes == first) << threads << " threads";
    std::filesystem::remove_all(root_);
  }
}

TEST_F(CompactionTest, ARepeatIsOneOfAnEventThatStays) {
  log_events({{"ann", "a", 0, "x"}, {"ann", "a", 3, "x"}, {"ann", "a", 0, "x"}});
  EXPECT_EQ(compacted().duplicates, 1U) << "the third repeats the first";
  log_events({{"bob", "a", 0, "y"}});
  compacted();
  log_events({{"bob", "a", 1, "y"}, {"bob", "a", 2, "y"}});
  EXPECT_EQ(compacted().duplicates, 1U) << "the second does not stay, so the third does";
  EXPECT_THAT(zone_lines(Zone::kClean), SizeIs(4));
  expect_whole();
}

TEST_F(CompactionTest, WhatGoesRepeatsNothing) {
  log_events({{"cid", "c", 0}});
  compacted();
  log_events({{"ann", "a", 0, "x"}});
  ASSERT_TRUE(lake_.forget(hash_.user("ann"), *log_.ends()));
  log_events({{"ann", "a", 0, "x"}});
  EXPECT_EQ(compacted().duplicates, 0U);
  EXPECT_THAT(zone_lines(Zone::kClean), Contains(HasSubstr(" a click 0/2")));
}

// A run of two days far apart looks into files of those days, not into all between them.
TEST_F(CompactionTest, OneOddRowDoesNotReadTheWholeLake) {
  std::vector<Said> events;
  for (int64_t day = 0; day < 9; ++day)
    events.push_back({"ann", "a", day, fmt::format("x{}", day)});
  log_events(events);
  compacted();
  log_events({{"ann", "a", 0, "x0"}, {"ann", "b", 8, "late"}});
  std::set<std::string> read;
  set_file_faults_for_test([&](std::string_view operation, const Path& path) {
    if (operation == "map") read.insert(path.parent_path().filename().string());
    return 0;
  });
  EXPECT_EQ(compacted().duplicates, 1U);
  set_file_faults_for_test(nullptr);
  EXPECT_THAT(read, Contains("day=2024-10-04"));
  EXPECT_THAT(read, Not(Contains("day=2024-10-08")));
}

TEST_F(CompactionTest, LongTextsMakeShortRunsAndGroups) {
  const std::string rest(4000, 'x');
  std::vector<Said> events;
  for (int64_t i = 0; i < 17'000; ++i) {
    const std::string context = fmt::format(R"({{"note":"{} {}"}})", i, rest);
    events.push_back({fmt::format("user{}", i % 7), "a", 0, "", "click", context, i});
  }
  log_events(events, 0, 500);
  const auto report = compacted();
  EXPECT_GT(report.manifests, 4U) << "68 MB of texts in runs of 16 MiB";
  const auto manifest = lake_.current()->value();
  for (const LakeFile& file : manifest.files) {
    if (file.rows < events.size()) continue;
    const auto table = open_table(*lake_.open(file), columns_of(file.zone));
    EXPECT_GT((*table)->groups(), 1U);
  }
  EXPECT_THAT(zone_lines(Zone::kClean), SizeIs(events.size()));
  expect_whole();
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

// Rows that the log shows without a user: those of who was forgotten.
TEST_F(CompactionTest, WhatTheLogHasErasedIsAccountedFor) {
  config_.keep_days = 10;
  set_clock_for_test([] { return TimeUs{(kFirstDay + 3) * kDayUs}; });
  log_events({{"ann", "a", 0}, {"", "", 0}, {"", "", 0}});
  EXPECT_EQ(compacted().events, 1U);
  EXPECT_EQ(lake_.current()->value().accounts[0], (Account{.read = 3, .erased = 2}));
  expect_whole();
  log_ = MemoryLog();  // nothing but such rows
  std::filesystem::remove_all(root_);
  log_events({{"", "", 0}, {"", "", 0}});
  EXPECT_EQ(compacted().events, 0U);
  expect_whole();
}

TEST_F(CompactionTest, MoreUsersThanOneManifestForgets) {
  std::vector<Said> events{{"stays", "a", 0}};
  for (int i = 0; i < 5; ++i) events.push_back({fmt::format("user{}", i), "a", i % 2});
  log_events(events);
  compacted();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(lake_.forget(hash_.user(fmt::format("user{}", i)), *log_.ends()));
  }
  const CompactionRoom room{
      .lake = lake_, .config = config_, .pool = pool_, .tombstones_at_once = 2};
  const auto report = compact(source(), room);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->manifests, 3U);
  EXPECT_EQ(report->forgotten, 10U);
  EXPECT_THAT(*read_forgotten(root_), SizeIs(5));
  EXPECT_THAT(*read_tombstones(root_), IsEmpty());
  EXPECT_THAT(zone_lines(Zone::kRaw), SizeIs(1));
  expect_whole();
}

// From the moment on at which the log is looked at, somebody who is forgotten has a tombstone.
TEST_F(CompactionTest, WhoIsForgottenAsTheFirstCompactionBeginsIsNotMissed) {
  log_events({{"ann", "a", 0}, {"bob", "b", 0}});
  ASSERT_TRUE(lake_.forget(hash_.user("ann")));
  EXPECT_FALSE(std::filesystem::exists(root_)) << "there is no lake: the log alone hides her";
  auto from = source();
  from.look_again = [&] {
    log_ = MemoryLog();
    log_events({{"", "", 0}, {"bob", "b", 0}});
    return lake_.forget(hash_.user("bob"), *log_.ends());
  };
  ASSERT_TRUE(compact(from, {lake_, config_, pool_}));
  EXPECT_THAT(zone_lines(Zone::kRaw), IsEmpty());
  EXPECT_THAT(*read_forgotten(root_), SizeIs(1));
  expect_whole();
}

// Tombstones are written without the lock: a temporary file may be somebody's work.
TEST_F(CompactionTest, OnlyOldTemporariesOfTombstonesAreLeftovers) {
  log_events({{"ann", "a", 0}});
  compacted();
  ASSERT_TRUE(lake_.forget(hash_.user("bob")));
  const Path fresh = root_ / "tombstones" / ".a.json.tmp-1",
             old = root_ / "tombstones/.b.json.tmp-1";
  for (const Path& path : {fresh, old}) ASSERT_TRUE(write_file_atomically(path, "{}"));
  std::filesystem::last_write_time(
      old, std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  compacted();
  EXPECT_TRUE(std::filesystem::exists(fresh));
  EXPECT_FALSE(std::filesystem::exists(old));
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
  config_.keep_days = 0;
  config_.keep_days_of["click"] = 2;
  const auto type_refused = compact_now();
  ASSERT_FALSE(type_refused);
  EXPECT_THAT(type_refused.error().message, HasSubstr("[lake.types.click] keep_days"));
  set_clock_for_test([] { return TimeUs{(kFirstDay - 4000) * kDayUs}; });
  EXPECT_EQ(compacted().expired, 0U);
  set_clock_for_test([] { return TimeUs{(kFirstDay + 5) * kDayUs}; });
  EXPECT_EQ(compacted().expired, 2U) << "after a quiet weekend types expire as they should";
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

// What a failed one leaves must not look like the newest version.
TEST_F(CompactionTest, AFailedCompactionLeavesNoManifest) {
  log_events({{"ann", "a", 0}});
  compacted();
  log_events({{"ann", "b", 0}});
  set_file_faults_for_test([](std::string_view operation, const Path& path) {
    return operation == "rename" && path.filename() == "CURRENT" ? EIO : 0;
  });
  EXPECT_FALSE(compact_now());
  set_file_faults_for_test(nullptr);
  EXPECT_TRUE(std::filesystem::exists(root_ / "manifest-000001.json"));
  EXPECT_FALSE(std::filesystem::exists(root_ / "manifest-000002.json"));
  const uint64_t number = compacted().manifest;
  ASSERT_TRUE(std::filesystem::remove(root_ / "CURRENT"));
  const auto lost = compact_now();
  ASSERT_FALSE(lost) << "it would have begun anew, and swept away what is there";
  EXPECT_THAT(lost.error().message, HasSubstr("CURRENT is missing"));
  ASSERT_TRUE(write_file_atomically(root_ / "CURRENT", current_line(number)));
  EXPECT_THAT(zone_lines(Zone::kRaw), SizeIs(2));
}

// A file that moves between the look and the opening is found where it is then.
TEST_F(CompactionTest, AFileIsOpenedWhereverItLies) {
  log_events({{"ann", "a", 0}});
  compacted();
  const LakeFile file = lake_.current()->value().files.front();
  std::filesystem::create_directory(root_ / "retired");
  set_file_faults_for_test([&](std::string_view operation, const Path& path) {
    if (operation == "map" && path == root_ / file.path && std::filesystem::exists(path)) {
      std::filesystem::rename(path, root_ / "retired" / path.filename());
    }
    return 0;
  });
  const auto opened = lake_.open(file);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->path.parent_path(), root_ / "retired");
}

TEST_F(CompactionTest, LinkedFilesStayWhateverBecomesOfTheLake) {
  log_events({{"ann", "a", 0}});
  compacted();
  const LakeFile file = lake_.current()->value().files.front();
  const Path folder = root_.string() + "-linked";
  ASSERT_TRUE(lake_.link(file, folder / file.path));
  EXPECT_EQ(lake_.link(file, folder / file.path).error().code, Code::kAlreadyExists);
  const std::string before = *read_file(root_ / file.path);
  log_events({{"bob", "a", 0}});
  compacted();
  EXPECT_FALSE(std::filesystem::exists(root_ / file.path));
  EXPECT_EQ(*read_file(folder / file.path), before);
  EXPECT_EQ(lake_.link(file, folder / "late.parquet").error().code, Code::kBusy);
  std::filesystem::remove_all(folder);
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
  log_ = MemoryLog();
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

}  // namespace
}  // namespace palate::lake
