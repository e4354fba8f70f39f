// A log in memory, a lake in a temporary folder, and events to put into them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "events/block.h"
#include "events/memory_log_for_test.h"
#include "lake/compaction.h"
#include "lake/lake_status.h"
#include "lake/reader.h"

namespace palate::lake {

struct Said {
  std::string user, item;
  int64_t day = 0;  // since kFirstDay
  std::string event_id = {};
  std::string type = "click";
  std::string context = {};
  int64_t second = 0;  // of the day
};
inline constexpr int64_t kFirstDay = 20'000;  // 2024-10-04

class LakeTest : public ::testing::Test {
 protected:
  static Path named_folder() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    // In memory where there is such a place: these tests sync thousands of files.
    const Path memory = "/dev/shm";
    const bool usable = ::access(memory.c_str(), W_OK | X_OK) == 0;
    return (usable ? memory : std::filesystem::temp_directory_path()) /
           fmt::format("palate-lake-{}-{}", ::getpid(), test->name());
  }
  void SetUp() override {
    std::filesystem::remove_all(root_);
    config_.grace_s = 0;
    config_.memory_mib = 16;
  }
  void TearDown() override {
    set_file_faults_for_test(nullptr);
    set_clock_for_test(nullptr);
    std::filesystem::remove_all(root_);
  }

  void log_events(const std::vector<Said>& said, uint32_t partition = 0, size_t rows_each = 7) {
    std::vector<EventView> rows(said.size());
    for (size_t i = 0; i < said.size(); ++i) {
      rows[i].user = said[i].user;
      rows[i].item = said[i].item;
      rows[i].event_id = said[i].event_id;
      rows[i].context = said[i].context;
      rows[i].type = types_.find(said[i].type).value();
      rows[i].ts.us = (kFirstDay + said[i].day) * kDayUs + said[i].second * kSecondUs;
      rows[i].received.us = std::max(newest_us_, rows[i].ts.us);
      newest_us_ = rows[i].received.us;
    }
    for (size_t i = 0; i < rows.size(); i += rows_each) {
      const auto part = std::span(rows).subspan(i, std::min(rows_each, rows.size() - i));
      append(Stream::kEvents, encode_events(part, types_), partition);
    }
  }
  void log_items(const std::vector<std::string>& ids) {
    std::vector<ItemRecord> records(ids.size());
    for (size_t i = 0; i < ids.size(); ++i) records[i].id = ids[i];
    append(Stream::kItems, encode_items(records));
  }
  void log_users(const std::vector<std::string>& ids) {
    std::vector<UserRecord> records(ids.size());
    for (size_t i = 0; i < ids.size(); ++i) records[i].id = ids[i];
    append(Stream::kUsers, encode_users(records));
  }
  void append(Stream stream, const std::vector<EncodedBlock>& blocks, uint32_t partition = 0) {
    for (const auto& block : blocks) {
      const EventLog::Append one{stream, partition, block.count, block.bytes};
      ASSERT_TRUE(log_.append({&one, 1}).has_value());
    }
  }

  [[nodiscard]] CompactionSource source() const { return source_of(log_, types_, hash_, {}); }
  Result<CompactionReport> compact_now() { return compact(source(), {lake_, config_, pool_}); }
  CompactionReport compacted() {
    const auto report = compact_now();
    if (!report) ADD_FAILURE() << report.error().message;
    return report.value_or(CompactionReport());
  }
  void expect_whole() {
    const auto found = verify_lake({lake_, log_, types_, hash_}, pool_, {});
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_THAT(found->findings, ::testing::IsEmpty());
  }

  // One line a row of the zone: day, user, item, type, position; in the order that is read.
  std::vector<std::string> lines(ReadOptions options) {
    options.columns = {event::kUser, event::kItem,      event::kType,
                       event::kTs,   event::kPartition, event::kOffset};
    const auto reader = LakeReader::open(lake_, options);
    std::vector<std::string> lines;
    if (!reader) return {reader.error().message};
    const auto read = reader->read(*readers_, [&](const Table& rows) -> Status {
      for (size_t i = 0; i < rows.rows; ++i) {
        const auto& columns = rows.columns;
        lines.push_back(
            fmt::format("{} {} {} {} {}/{}", day_of(columns[event::kTs].integers[i]) - kFirstDay,
                        to_hex(columns[event::kUser].ids[i]), columns[event::kItem].texts[i],
                        columns[event::kType].texts[i], columns[event::kPartition].integers[i],
                        columns[event::kOffset].integers[i]));
      }
      return {};
    });
    if (!read) lines.push_back(read.error().message);
    return lines;
  }
  std::vector<std::string> zone_lines(Zone zone) { return lines({.zone = zone, .columns = {}}); }
  std::vector<Path> files() {
    std::vector<Path> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
      if (entry.is_regular_file()) found.push_back(entry.path());
    }
    return found;
  }

  Path root_ = named_folder();
  EventTypes types_ = EventTypes::defaults();
  KeyedHash hash_{KeyedHash::Key{1, 2, 3}, Tenant{}};
  MemoryLog log_;
  LakeConfig config_;
  ThreadPool pool_{2};
  ThreadPool* readers_ = &pool_;  // of lines()
  int64_t newest_us_ = 0;
  LakeDirectory lake_{root_};
};

}  // namespace palate::lake
