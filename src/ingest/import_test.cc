#include "ingest/import.h"

#include <gmock/gmock.h>

#include "events/block.h"
#include "ingest/directory_for_test.h"

namespace palate {
namespace {

using testing::ElementsAre;
using testing::Pair;

struct ImportTest : testing::Test {
  TemporaryFolder folder;
  EventTypes types = EventTypes::defaults();
  std::unique_ptr<DataDirectory> directory;

  void SetUp() override {
    auto opened = open_directory(folder.path() / "data", types);
    ASSERT_TRUE(opened) << opened.error().message;
    directory = std::move(*opened);
  }
  Path write(const std::string& name, const std::string& text) {
    const Path path = folder.path() / name;
    EXPECT_TRUE(write_file_atomically(path, text));
    return path;
  }
  ImportSummary events(std::vector<ImportFile> files) {
    const auto summary = import_events(files, {.types = &types}, *directory);
    EXPECT_TRUE(summary) << summary.error().message;
    return summary.value_or(ImportSummary{});
  }
  std::vector<std::string> logged_items() {
    std::vector<std::string> items;
    EXPECT_TRUE(
        directory->log().read({Stream::kEvents, 0, 0}, [&](const EventLog::Block& block) -> Status {
          const auto batch = TRY(decode_events(block.bytes, types));
          for (const auto& row : batch.rows) {
            EXPECT_EQ(row.ts, row.received);
            items.emplace_back(row.item);
          }
          return {};
        }));
    return items;
  }
};

TEST_F(ImportTest, RealTimeIsLoggedInOrderOverAllFilesAndFolded) {
  const Path one = write("one.csv",
                         "user_id,item_id,rating,timestamp\n"
                         "1,c,5,1400000003\n1,a,5,1400000001\n1,bad,x,1400000009\n");
  const Path two = write("two.csv", "user_id,item_id,rating,timestamp\n2,b,5,1400000002\n");
  const ImportSummary summary = events({{one}, {two}});
  EXPECT_EQ(summary.rows, 4u);
  EXPECT_EQ(summary.accepted, 3u);
  EXPECT_EQ(summary.time, TimeKind::kReal);
  EXPECT_THAT(summary.rejected, ElementsAre(Pair("bad_value", 1)));
  EXPECT_TRUE(std::filesystem::exists(summary.quarantine));
  EXPECT_THAT(logged_items(), ElementsAre("a", "b", "c"));
  EXPECT_EQ((*directory->state().user("1"))->history.size(), 2u);
  EXPECT_EQ(*weakest_time(*directory), TimeKind::kReal);
}

TEST_F(ImportTest, ASecondImportAddsNothingAndGenuineRepeatsStay) {
  const std::string rows =
      "user_id,item_id,rating,timestamp\n1,a,5,1400000001\n1,a,5,1400000001\n2,a,4,1400000002\n";
  const Path file = write("ratings.csv", rows);
  EXPECT_EQ(events({{file}}).accepted, 3u);
  const ImportSummary again = events({{file}});
  EXPECT_EQ(again.sources_known, 1u);
  EXPECT_EQ(again.accepted, 0u);
  EXPECT_EQ(again.duplicates, 3u);
  // The same rows and one more, as another file: only the one more.
  const ImportSummary more = events({{write("more.csv", rows + "3,a,4,1400000003\n")}});
  EXPECT_EQ(more.accepted, 1u);
  EXPECT_EQ(more.duplicates, 3u);
}

TEST_F(ImportTest, WhatAnImportLoggedUnseenIsADuplicateAfterwards) {
  const std::string header = "user_id,item_id,rating,timestamp\n";
  const std::string rows = "1,a,5,1400000001\n1,a,5,1400000001\n2,b,4,1400000002\n";
  ASSERT_EQ(events({{write("one.csv", header + rows)}}).accepted, 3u);
  EventBatch same;
  EventView row;
  row.user = "2";
  row.item = "b";
  row.type = *types.find("rating");
  row.value = 4;
  row.ts.us = 1400000002 * kSecondUs;
  same.rows.push_back(row);
  const auto receipt = directory->ingest().write_events(std::move(same));
  ASSERT_TRUE(receipt) << receipt.error().message;
  EXPECT_EQ(receipt->duplicates, 1u);
  // Now the log is not of one source any more: everything is looked up.
  const auto more = events({{write("two.csv", header + rows + "3,c,5,1400000003\n")}});
  EXPECT_EQ(more.accepted, 1u);
  EXPECT_EQ(more.duplicates, 3u);
  EXPECT_THAT(logged_items(), ElementsAre("a", "a", "b", "c"));
}

// Many chunks, so that the way changes in the middle of a file.
TEST_F(ImportTest, OneRowThatGoesBackInTimePutsAllOfThemInOrder) {
  constexpr int kRows = 60'000, kLate = 50'000;
  std::string text = "user_id,item_id,rating,timestamp\n";
  for (int i = 0; i < kRows; ++i) {
    const int at = i == kLate ? 10 : i;  // equal to row 10 but for its place
    text += fmt::format("{},{},5,{}\n", at % 7, at % 97, 1400000000 + at);
  }
  const ImportSummary summary = events({{write("late.csv", text)}});
  EXPECT_EQ(summary.accepted, static_cast<uint64_t>(kRows)) << "a genuine repeat counts";
  std::vector<std::string> expected;
  for (int i = 0; i < kRows; ++i) {
    if (i != kLate) expected.push_back(std::to_string(i % 97));
    if (i == 10) expected.push_back(std::to_string(i % 97));
  }
  EXPECT_EQ(logged_items(), expected);
  EXPECT_EQ(events({{write("again.csv", text + "1,1,5,1500000000\n")}}).duplicates,
            static_cast<uint64_t>(kRows));
}

// Little memory for sorting: what is logged is the same, by way of a file that goes away.
TEST_F(ImportTest, WhatDoesNotFitIntoMemoryIsSortedOnDisk) {
  constexpr int kRows = 60'000;
  const std::string header = "user_id,item_id,rating,timestamp\n";
  for (const int step : {1, 7919}) {  // in order; all over the place
    std::string text = header;
    for (int i = 0; i < kRows; ++i) {
      const int at = static_cast<int>(int64_t{i} * step % kRows);
      text += fmt::format("{},{},5,{}\n", at % 7, at % 97, 1400000000 + at);
    }
    auto small = open_directory(folder.path() / std::to_string(step), types);
    ASSERT_TRUE(small);
    directory = std::move(*small);
    const ImportFile file{write("rows.csv", text)};
    const auto summary =
        import_events(std::span(&file, 1), {.types = &types, .sort_bytes_max = 10'000}, *directory);
    ASSERT_TRUE(summary) << summary.error().message;
    EXPECT_EQ(summary->accepted, static_cast<uint64_t>(kRows));
    std::vector<std::string> expected;
    for (int i = 0; i < kRows; ++i) expected.push_back(std::to_string(i % 97));
    EXPECT_EQ(logged_items(), expected);
    for (const auto& entry : std::filesystem::directory_iterator(directory->root())) {
      EXPECT_FALSE(entry.path().filename().string().starts_with(".sort")) << entry.path();
    }
  }
}

TEST_F(ImportTest, EventsWithClientIdsAreLookedUpAlsoInAnEmptyLog) {
  const std::string line =
      R"({"event_id":"e1","type":"like","user":"u","item":"i","ts":1400000000000000})"
      "\n";
  const ImportSummary summary = events({{write("twice.jsonl", line + line)}});
  EXPECT_EQ(summary.accepted, 1u);
  EXPECT_EQ(summary.duplicates, 1u);
}

TEST_F(ImportTest, WithoutTimeTheOrderOfTheFileCountsAndIsRemembered) {
  ImportFile file{write("lists.txt", "1 b a\n2 c\n")};
  file.mapping.format = SourceFormat::kLists;
  const auto summary = import_events(std::span(&file, 1), {.types = &types}, *directory);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->accepted, 3u);
  EXPECT_NE(summary->time, TimeKind::kReal);
  EXPECT_EQ(*weakest_time(*directory), summary->time);
}

TEST_F(ImportTest, ItemsAndUsersThatChangeNothingAreNotLoggedAgain) {
  const ImportFile items{write("items.csv", "item_id,title\na,Alpha\nb,Beta\n")};
  const auto first = import_items(std::span(&items, 1), {}, *directory);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->accepted, 2u);
  EXPECT_EQ(directory->state().catalogue().view().record({1}).title(), "Beta");
  EXPECT_EQ(import_items(std::span(&items, 1), {}, *directory)->duplicates, 2u);
  const ImportFile users{write("users.csv", "user_id,region\n1,DE\n")};
  ASSERT_EQ(import_users(std::span(&users, 1), {}, *directory)->accepted, 1u);
  EXPECT_EQ((*directory->state().user("1"))->profile.region, "DE");
  EXPECT_EQ(import_users(std::span(&users, 1), {}, *directory)->duplicates, 1u);
}

TEST_F(ImportTest, AStopOrAMissingFileLeavesNothingHalf) {
  const ImportFile missing{folder.path() / "nowhere.csv"};
  const auto failed = import_events(std::span(&missing, 1), {.types = &types}, *directory);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kNotFound);
  const ImportFile file{
      write("ratings.csv", "user_id,item_id,rating,timestamp\n1,a,5,1400000001\n")};
  std::stop_source stop;
  stop.request_stop();
  const auto stopped =
      import_events(std::span(&file, 1), {.types = &types, .stop = stop.get_token()}, *directory);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
  EXPECT_EQ(events({file}).accepted, 1u) << "what was cut short is imported by the next try";
}

}  // namespace
}  // namespace palate
