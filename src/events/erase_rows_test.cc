#include "events/erase_rows.h"

#include <filesystem>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "events/column_mapping.h"
#include "events/quarantine_erase.h"

namespace palate {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr Position kFirst{Stream::kEvents, 0, 1000};

// Rows of users "user-<n>" for the numbers given, with something in every field.
std::vector<EventView> rows_of(const std::vector<uint8_t>& users, const EventTypes& types,
                               Arena& arena) {
  std::vector<EventView> rows;
  for (size_t i = 0; i < users.size(); ++i) {
    EventView row;
    row.event_id = arena.copy(fmt::format("event-{}", i));
    row.user = arena.copy(fmt::format("user-{}", users[i]));
    row.item = arena.copy(fmt::format("item-{}", i % 7));
    row.request_id = arena.copy(fmt::format("request-{}", i));
    row.context = arena.copy(fmt::format(R"({{"street":"street-{}"}})", users[i]));
    row.ts = {static_cast<int64_t>(i) * kSecondUs};
    row.received = {row.ts.us + 5};
    row.value = static_cast<double>(i);
    row.slot = static_cast<int32_t>(i % 10);
    row.occurrence = static_cast<uint32_t>(i % 3);
    row.type = *types.find(i % 2 == 0 ? "click" : "rating");
    rows.push_back(row);
  }
  return rows;
}

// All rows of blocks that follow each other, as one batch each.
std::vector<EventBatch> decoded(const std::vector<EncodedBlock>& blocks, const EventTypes& types) {
  std::vector<EventBatch> batches;
  for (const EncodedBlock& block : blocks) batches.push_back(*decode_events(block.bytes, types));
  return batches;
}

RC_GTEST_PROP(EraseRows, TakesOutWhatIsHiddenAndLeavesEveryOtherRowInItsPlace,
              (const std::vector<uint8_t>& users, uint8_t gone, uint8_t before)) {
  RC_PRE(!users.empty());
  const EventTypes types = EventTypes::defaults();
  Arena arena;
  const std::vector<EventView> rows = rows_of(users, types, arena);
  const uint64_t from = kFirst.offset + before;
  const VisibleFrom visible_from = [&](Stream stream, std::string_view user) -> uint64_t {
    RC_ASSERT(stream == Stream::kEvents);
    return user == fmt::format("user-{}", gone) ? from : 0;
  };
  uint64_t expected = 0;
  for (size_t i = 0; i < users.size(); ++i) {
    expected += users[i] == gone && kFirst.offset + i < from ? 1 : 0;
  }
  Position first = kFirst;
  size_t i = 0;
  uint64_t erased_rows = 0;
  for (const EncodedBlock& block : encode_events(rows, types)) {
    const auto erased = *erase_rows(block.bytes, first, visible_from);
    std::vector<EncodedBlock> now{block};
    if (erased) {
      now = erased->blocks;
      for (const auto& [user, count] : erased->rows) erased_rows += count;
    }
    for (const EventBatch& batch : decoded(now, types)) {
      for (const EventView& row : batch.rows) {
        const bool goes = users[i] == gone && kFirst.offset + i < from;
        RC_ASSERT(row.ts.us == rows[i].ts.us && row.received.us == rows[i].received.us);
        RC_ASSERT(row.type == rows[i].type);
        RC_ASSERT(row.user == (goes ? "" : rows[i].user));
        RC_ASSERT(row.item == (goes ? "" : rows[i].item));
        RC_ASSERT(row.event_id == (goes ? "" : rows[i].event_id));
        RC_ASSERT(row.request_id == (goes ? "" : rows[i].request_id));
        RC_ASSERT(row.context == (goes ? "" : rows[i].context));
        RC_ASSERT((goes ? std::isnan(row.value) : row.value == rows[i].value));
        RC_ASSERT(row.slot == (goes ? kNoSlot : rows[i].slot));
        RC_ASSERT(row.occurrence == (goes ? 0 : rows[i].occurrence));
        ++i;
      }
    }
    first.offset += block.count;
  }
  RC_ASSERT(i == users.size());
  RC_ASSERT(erased_rows == expected);
}

TEST(EraseRows, TypesThatNobodyDeclaresAnyMoreKeepTheirNames) {
  EventTypes types = EventTypes::defaults();
  EventType own;
  own.name = "tasted";
  ASSERT_TRUE(types.declare(own));
  EventView row;
  row.user = "ann";
  row.item = "cheese";
  row.type = *types.find("tasted");
  const auto block = encode_events({{row}}, types).front();
  const auto erased =
      *erase_rows(block.bytes, {Stream::kEvents, 0, 0}, [](Stream, std::string_view) { return 1; });
  ASSERT_TRUE(erased);
  EXPECT_EQ(block_type_names(erased->blocks.front().bytes)->front(), "tasted");
  const auto again = *erase_rows(erased->blocks.front().bytes, {Stream::kEvents, 0, 0},
                                 [](Stream, std::string_view) { return 1; });
  EXPECT_FALSE(again) << "what is erased is not erased again";
}

TEST(EraseRows, ProfilesLeaveEmptyRecords) {
  std::vector<UserRecord> users(3);
  for (size_t i = 0; i < users.size(); ++i) users[i].id = fmt::format("user-{}", i);
  users[1].attributes["street"] = "Elm Street";
  const auto block = encode_users(users).front();
  const VisibleFrom of_one = [](Stream stream, std::string_view user) -> uint64_t {
    return stream == Stream::kUsers && user == "user-1" ? 12 : 0;
  };
  const auto erased = *erase_rows(block.bytes, {Stream::kUsers, 0, 10}, of_one);
  ASSERT_TRUE(erased);
  const auto left = *decode_users(erased->blocks.front().bytes);
  ASSERT_EQ(left.size(), 3u);
  EXPECT_EQ(left[0].id, "user-0");
  EXPECT_EQ(left[1].id, "");
  EXPECT_TRUE(left[1].attributes.empty());
  EXPECT_EQ(left[2].id, "user-2");
  EXPECT_FALSE(*erase_rows(block.bytes, {Stream::kUsers, 0, 11}, of_one))
      << "it lies behind what is hidden";
}

TEST(EraseRows, DamageIsNamed) {
  const auto none = erase_rows("no block", kFirst, [](Stream, std::string_view) { return 1; });
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kCorrupt);
}

// ---- quarantine -----------------------------------------------------------------------------

bool is_ann(std::string_view text) { return text == "ann" || text == "4711"; }

TEST(EraseQuarantined, ARowNamesItsUser) {
  for (const std::string_view row :
       {R"({"user":"ann","item":"x"})", R"({"user":4711})", R"({"who":["bob",{"id":"ann"}]})",
        "ann,book,5", R"("ann";book)", "book\t ann\t3", "3|ann|x", R"({"user":"ann","item":)",
        "[\"ann\"]"}) {
    EXPECT_TRUE(row_names(row, "user", is_ann)) << row;
  }
  for (const std::string_view row :
       {R"({"user":"bob","item":"ann"})", "anna,book,5", R"({"user":"bob","value":4711})", "",
        "bob,joann,5", R"({"user":"bob)"}) {
    EXPECT_FALSE(row_names(row, "user", is_ann)) << row;
  }
}

TEST(EraseQuarantined, WhichFieldIsTheUsersIsWhatTheRecipeSays) {
  EXPECT_FALSE(row_names(R"({"user":"a device","member":"ann"})", "user", is_ann));
  EXPECT_TRUE(row_names(R"({"user":"a device","member":"ann"})", "member", is_ann));
  EXPECT_TRUE(row_names(R"({"user":"a device","member":"ann"})", "", is_ann));
  const Path path =
      std::filesystem::temp_directory_path() / fmt::format("erase-{}.jsonl", getpid());
  ColumnMapping mapping;
  mapping.format = SourceFormat::kJsonLines;
  mapping.columns["user"] = "member";
  const std::string recipe =
      fmt::format(R"({{"recipe":{{"kind":"events","mapping":{}}}}})", to_json(mapping));
  const std::string ann = R"({"source":"s","file":"f","line":1,"reason":"r","message":"m",)"
                          R"("bytes":"{\"user\":\"bob\",\"member\":\"ann\"}"})";
  const std::string bob = R"({"source":"s","file":"f","line":2,"reason":"r","message":"m",)"
                          R"("bytes":"{\"user\":\"ann\",\"member\":\"bob\"}"})";
  const std::string torn = R"({"source":"s","bytes":"{\"user\":\"ann\",\"mem)";
  ASSERT_TRUE(write_file_atomically(path, recipe + "\n" + ann + "\n" + bob + "\n" + torn));
  const auto erased = erase_quarantined(path, is_ann);
  ASSERT_TRUE(erased) << erased.error().message;
  EXPECT_EQ(*erased, 2u);
  EXPECT_EQ(*read_file(path), recipe + "\n" + bob + "\n");
  std::filesystem::remove(path);
}

TEST(EraseRows, TakesWhatWasAnsweredAlong) {
  const std::vector<DecisionRecord> decisions{
      *decision_from_json(R"({"request_id":"a","user":"ann","made":5,"answer":"x"})"),
      *decision_from_json(R"({"request_id":"b","made":6})"),
      *decision_from_json(R"({"request_id":"c","user":"bob","made":7})"),
      *decision_from_json(R"({"request_id":"d","user":"ann","made":8})")};
  const auto block = encode_decisions(decisions).front();
  const Position first{Stream::kDecisions, 0, 100};
  const auto erased = *erase_rows(block.bytes, first, [](Stream stream, std::string_view user) {
    return stream == Stream::kDecisions && user == "ann" ? 103 : 0;
  });
  ASSERT_TRUE(erased);
  EXPECT_EQ(erased->rows.at("ann"), 1u);
  const auto left = *decode_decisions(erased->blocks.front().bytes);
  ASSERT_EQ(left.size(), 4u) << "places stay";
  EXPECT_EQ(left[0].json, "");
  EXPECT_EQ(left[1].json, decisions[1].json);
  EXPECT_EQ(left[2].user, "bob");
  EXPECT_EQ(left[3].id, "d") << "what was answered since he came back stays";
  EXPECT_FALSE(*erase_rows(erased->blocks.front().bytes, first, [](Stream, std::string_view user) {
    return user == "ann" ? 103 : 0;
  })) << "what is erased is not erased again";
}

TEST(Decision, IsAnObjectWithAnIdAndATime) {
  for (const char* wrong : {"", "[]", "{}", R"({"request_id":"a"})", R"({"made":5})",
                            R"({"request_id":"","made":5})", R"({"request_id":"a","made":"5"})"}) {
    EXPECT_EQ(decision_from_json(wrong).error().code, Code::kInvalidArgument) << wrong;
  }
}

}  // namespace
}  // namespace palate
