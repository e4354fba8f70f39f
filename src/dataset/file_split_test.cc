#include "dataset/file_split.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "events/block.h"
#include "events/memory_log_for_test.h"

namespace palate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class FileSplitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::temp_directory_path() /
            fmt::format("palate-file-split-{}-{}", ::getpid(), test->name());
    std::filesystem::create_directories(root_);
    // ann likes a, b and c; bob likes b and dislikes c; nobody has d.
    log_items({"a", "b", "c", "d"});
    log_events(
        {{"ann", "a", 5}, {"bob", "b", 4}, {"ann", "b", 4}, {"bob", "c", 1}, {"ann", "c", 5}});
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  struct Said {
    std::string user, item;
    double value;
  };
  void log_items(const std::vector<std::string>& ids) {
    std::vector<ItemRecord> records(ids.size());
    for (size_t i = 0; i < ids.size(); ++i) records[i].id = ids[i];
    for (const auto& block : encode_items(records)) append(Stream::kItems, block);
  }
  void log_events(const std::vector<Said>& said) {
    std::vector<EventView> rows(said.size());
    for (size_t i = 0; i < said.size(); ++i) {
      rows[i].user = said[i].user;
      rows[i].item = said[i].item;
      rows[i].value = said[i].value;
      rows[i].type = types_.find("rating").value();
      rows[i].ts.us = static_cast<int64_t>(i + 1) * kSecondUs;
      rows[i].received = rows[i].ts;
    }
    for (const auto& block : encode_events(rows, types_)) append(Stream::kEvents, block);
  }
  void append(Stream stream, const EncodedBlock& block) {
    const EventLog::Append one{stream, 0, block.count, block.bytes};
    ASSERT_TRUE(log_.append({&one, 1}).has_value());
  }
  Result<FileSplit> split(std::string_view text, InTraining in_training = InTraining::kRefuse) {
    const Path path = root_ / "test.tsv";
    EXPECT_TRUE(write_file_atomically(path, text).has_value());
    TestFile file{.path = path, .in_training = in_training, .types = &types_, .hash = &hash_};
    file.mapping.columns = {{"user", "#1"}, {"item", "#2"}, {"value", "#3"}};
    file.mapping.header = Header::kNo;
    file.mapping.format = SourceFormat::kTsv;
    file.mapping.constants = {{"type", "rating"}};
    const Dataset data = Dataset::build({&log_, &types_, &hash_, {}}, pool_, {}).value();
    return split_by_file(data, file, pool_, {});
  }
  // "item" or "item*" (test) or "item-" (neither) of each row of a user.
  std::vector<std::string> rows_of(const FileSplit& made, std::string_view user) {
    const auto ix = made.data.find_user(hash_.user(user));
    std::vector<std::string> rows;
    if (!ix) return rows;
    uint64_t bit = made.data.row_start()[ix->value];
    for (const HistoryEntry& row : made.data.of(*ix)) {
      rows.push_back(made.data.item_name(row.item).value());
      if ((*made.split.test)[bit]) rows.back() += "*";
      if (!(*made.split.test)[bit] && !(*made.split.train)[bit]) rows.back() += "-";
      ++bit;
    }
    return rows;
  }

  Path root_;
  MemoryLog log_;
  EventTypes types_ = EventTypes::defaults();
  KeyedHash hash_{KeyedHash::Key{1, 2, 3}, Tenant{}};
  ThreadPool pool_{2};
};

using Rows = std::vector<std::string>;

TEST_F(FileSplitTest, TestRowsLieBehindTheirUsersTrainingRows) {
  const std::string text = "bob\ta\t5\nann\td\t4\nbob\td\t1\n";
  const auto made = split(text);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(rows_of(*made, "ann"), (Rows{"a", "b", "c", "d*"}));
  EXPECT_EQ(rows_of(*made, "bob"), (Rows{"b", "c", "a*", "d*"}));
  const TestFileFacts& facts = made->split.file;
  EXPECT_EQ(facts.name, "test.tsv");
  EXPECT_EQ(facts.hash, to_hex(hash128(text)));
  EXPECT_EQ(facts.rows, 3u);
  EXPECT_EQ(facts.users_untrained, 0u);
  EXPECT_EQ(facts.items_untrained, 1u) << "d is in the catalogue, but nobody has had it";
  EXPECT_THAT(made->split.describe(), AllOf(HasSubstr("test.tsv"), HasSubstr(facts.hash),
                                            HasSubstr("5 rows train, 3 test")));
  // Values are kept, and the leak check holds the split to what a trainer may have seen.
  const auto bob = made->data.of(*made->data.find_user(hash_.user("bob")));
  EXPECT_EQ(bob[2].value, 5);
  EXPECT_GT(bob[2].preference, 0);
  EXPECT_LT(bob[3].preference, 0);
  const DatasetView train(made->data, made->split.train);
  EXPECT_TRUE(check_no_leak(made->data, made->split, train.seen()));
  EXPECT_FALSE(check_no_leak(made->data, made->split, DatasetView(made->data).seen()));
}

TEST_F(FileSplitTest, UnknownUsersAndItemsAreAskedForAndCounted) {
  const auto made = split("eve\ta\t5\neve\tx\t5\nann\tx\t5\nann\ty\t4\n");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->data.items(), 6u);
  EXPECT_EQ(rows_of(*made, "eve"), (Rows{"a*", "x*"}));
  EXPECT_EQ(rows_of(*made, "ann"), (Rows{"a", "b", "c", "x*", "y*"}));
  EXPECT_EQ(made->split.file.users_untrained, 1u);
  EXPECT_EQ(made->split.file.items_untrained, 2u);
  EXPECT_EQ(made->data.find_item("y")->value, 5u);
}

TEST_F(FileSplitTest, RowsThatTrainingHasAreRefusedDroppedOrHeldOut) {
  const std::string text = "ann\tb\t4\nann\td\t5\n";
  const auto refused = split(text);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("1 of the 2 test rows"), HasSubstr("user 'ann', item 'b'"),
                    HasSubstr("--test-overlap")));
  const auto dropped = split(text, InTraining::kDrop);
  ASSERT_TRUE(dropped) << dropped.error().message;
  EXPECT_EQ(rows_of(*dropped, "ann"), (Rows{"a", "b", "c", "d*"}));
  EXPECT_EQ(dropped->split.file.in_training, 1u);
  const auto held = split(text, InTraining::kHoldOut);
  ASSERT_TRUE(held) << held.error().message;
  EXPECT_EQ(rows_of(*held, "ann"), (Rows{"a", "b-", "c", "b*", "d*"}));
  const DatasetView train(held->data, held->split.train);
  EXPECT_EQ(train.interactions(), 4u);
  EXPECT_TRUE(check_no_leak(held->data, held->split, train.seen()));
}

TEST_F(FileSplitTest, OddRowsAreCounted) {
  const auto made = split("ann\td\t5\nann\td\t5\nbob\ta\t3\n\td\t5\nbob\td\tnonsense\nbob\td\t4\n");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->split.file.rows, 3u);
  EXPECT_EQ(made->split.file.repeated, 1u);
  EXPECT_EQ(rows_of(*made, "bob"), (Rows{"b", "c", "a*", "d*"}));
  EXPECT_EQ(made->data.of(*made->data.find_user(hash_.user("bob")))[2].preference, 0)
      << "three stars are neither liked nor disliked, but a rating";
  EXPECT_EQ(made->split.file.refused, 2u);
}

TEST_F(FileSplitTest, FilesThatLeaveNothingAreRefused) {
  for (const std::string text : {"", "\n", "bob\n"}) {
    const auto made = split(text);
    ASSERT_FALSE(made) << text;
    EXPECT_EQ(made.error().code, Code::kInvalidArgument) << made.error().message;
  }
  const std::string everything = "ann\ta\t5\nbob\tb\t4\nann\tb\t4\nbob\tc\t1\nann\tc\t5\n";
  EXPECT_FALSE(split(everything, InTraining::kDrop));
  EXPECT_FALSE(split(everything, InTraining::kHoldOut));
}

TEST_F(FileSplitTest, APartHasTheRowsThatAreKept) {
  const auto made = split("ann\td\t5\n");
  ASSERT_TRUE(made) << made.error().message;
  const Dataset train = made->data.only(*made->split.train);
  EXPECT_EQ(train.users(), made->data.users());
  EXPECT_EQ(train.items(), made->data.items());
  EXPECT_EQ(train.interactions(), 5u);
  EXPECT_EQ(DatasetView(train).seen(), DatasetView(made->data, made->split.train).seen());
  EXPECT_EQ(train.item_name({3}).value(), made->data.item_name({3}).value());
  EXPECT_EQ(train.find_user(hash_.user("bob")), made->data.find_user(hash_.user("bob")));
}

TEST_F(FileSplitTest, ADatasetOfBareRowsHasNoNamesToFind) {
  const Dataset bare = Dataset::from_rows(1, {0, 0}, {}, TimeKind::kNone);
  EXPECT_FALSE(bare.with({}, pool_));
}

}  // namespace
}  // namespace palate
