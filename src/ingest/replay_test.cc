#include "ingest/replay.h"

#include <gmock/gmock.h>

#include "events/quarantine_files.h"
#include "events/schema/builtin_schema.h"
#include "events/schema/schema_registry.h"
#include "ingest/directory_for_test.h"
#include "ingest/import.h"

namespace palate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

struct ReplayTest : testing::Test {
  TemporaryFolder folder;
  EventTypes types = EventTypes::defaults();
  std::unique_ptr<DataDirectory> directory;

  void SetUp() override { open(); }
  void open() {
    directory.reset();
    auto opened = open_directory(folder.path() / "data", types);
    ASSERT_TRUE(opened) << opened.error().message;
    directory = std::move(*opened);
  }
  ImportSummary import(const std::string& name, const std::string& text,
                       const ColumnMapping& mapping = {}) {
    const ImportFile file{folder.path() / name, mapping};
    EXPECT_TRUE(write_file_atomically(file.path, text));
    const auto summary = import_events({&file, 1}, {.types = &types}, *directory);
    EXPECT_TRUE(summary) << summary.error().message;
    return summary.value_or(ImportSummary{});
  }
  ReplaySummary replay(const Path& file, const std::string& reason = "") {
    const auto summary = replay_quarantine(file, {.types = &types, .reason = reason}, *directory);
    EXPECT_TRUE(summary) << summary.error().message;
    return summary.value_or(ReplaySummary{});
  }
  std::vector<QuarantineSummary> listed() {
    return list_quarantine(directory->root() / "quarantine").value();
  }
};

// From "at most 5" to "at most 10", with everything else as built in.
void evolve(const Path& root, int maximum) {
  auto registry = SchemaRegistry::open(root).value();
  std::string text(builtin_schema_text(Stream::kEvents));
  const std::string value = R"("value": {"type": "number")";
  text.insert(text.find(value) + value.size(), fmt::format(", \"maximum\": {}", maximum));
  ASSERT_TRUE(registry.evolve(Stream::kEvents, text, Compatibility::kNone));
}

TEST_F(ReplayTest, WhatFitsTheNewSchemaIsTakenInAndTheRestStays) {
  evolve(directory->root(), 5);
  open();
  const auto refused = import("a.csv",
                              "user_id,item_id,rating,timestamp\n"
                              "1,\"x,y\",7,1400000001\n1,b,4,1400000002\n1,c,20,1400000003\n"
                              "1,d,7,soon\n");
  EXPECT_THAT(refused.rejected, ElementsAre(Pair("bad_time", 1), Pair("schema", 2)));
  ASSERT_EQ(listed().size(), 1u);
  EXPECT_EQ(listed()[0].rows, 3u);
  EXPECT_TRUE(listed()[0].can_be_replayed);

  evolve(directory->root(), 10);
  open();
  const ReplaySummary again = replay(refused.quarantine, "schema");
  EXPECT_EQ(again.tried, 2u);
  EXPECT_EQ(again.accepted, 1u);
  EXPECT_EQ(again.kept, 1u);
  EXPECT_THAT(again.rejected, ElementsAre(Pair("schema", 1)));
  EXPECT_TRUE(directory->state().catalogue().view().find("x,y"));

  // The row of the other reason is where it was; the one that was refused again is in a new file,
  // and still says where it came from.
  const auto files = listed();
  ASSERT_EQ(files.size(), 2u);
  std::vector<std::string> rows;
  for (const auto& file : files) {
    EXPECT_TRUE(file.can_be_replayed);
    ASSERT_TRUE(read_quarantine(file.path, [&](const QuarantineLine& line) -> Status {
      if (line.recipe) return {};
      rows.push_back(fmt::format("{}:{} {} {}", Path(line.row.file).filename().string(),
                                 line.row.line, line.row.reason, line.row.bytes));
      return {};
    }));
  }
  EXPECT_THAT(rows, testing::UnorderedElementsAre("a.csv:4 schema 1,c,20,1400000003",
                                                  "a.csv:5 bad_time 1,d,7,soon"));
}

TEST_F(ReplayTest, ADoneFileGoesAndASecondReplayAddsNothing) {
  evolve(directory->root(), 5);
  open();
  const auto refused =
      import("a.jsonl",
             R"({"reader":"1","book":"b","stars":7,"at":1400000001})"
             "\n"
             R"({"reader":"1","book":"c","stars":1,"at":1400000002})"
             "\n",
             {.columns = {{"user", "reader"}, {"item", "book"}, {"value", "stars"}, {"ts", "at"}}});
  EXPECT_THAT(refused.rejected, ElementsAre(Pair("schema", 1)));
  const std::string before = read_file(refused.quarantine).value();
  evolve(directory->root(), 10);
  open();
  EXPECT_EQ(replay(refused.quarantine).accepted, 1u);
  EXPECT_THAT(listed(), IsEmpty());
  // As a crash before the file went would leave it.
  ASSERT_TRUE(write_file_atomically(refused.quarantine, before));
  const ReplaySummary twice = replay(refused.quarantine);
  EXPECT_EQ(twice.accepted, 0u);
  EXPECT_EQ(twice.duplicates, 1u);
}

TEST_F(ReplayTest, RowsOfNobodyKnowsWhereStayAndAreListed) {
  const Path file = directory->root() / "quarantine" / "20250101-000000-old.jsonl";
  std::filesystem::create_directories(file.parent_path());
  ASSERT_TRUE(write_file_atomically(
      file, R"({"source":"events","file":"a","line":1,"reason":"bad_time","bytes":"1,2"})"
            "\n"));
  EXPECT_FALSE(listed().at(0).can_be_replayed);
  const ReplaySummary summary = replay(file);
  EXPECT_EQ(summary.tried, 0u);
  EXPECT_EQ(summary.kept, 1u);
  EXPECT_TRUE(std::filesystem::exists(file));
  ASSERT_TRUE(write_file_atomically(file, "{\"reason\""));
  EXPECT_THAT(listed().at(0).damage, HasSubstr(":1: "));
}

}  // namespace
}  // namespace palate
