#include "dataset/example_rows.h"

#include <filesystem>
#include <unistd.h>

#include <gmock/gmock.h>

namespace palate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Item 1 six times, 2 and 3 once, 4 never; bags with 1 often and 2 once; one column aside.
Examples given() {
  ExampleSchema schema{.ids = {{"item", 5}, {"tags", 3, true}, {"_slate", 9}},
                       .numbers = {{"age", 1}},
                       .labels = {"click"}};
  ExampleColumns columns;
  columns.ids = {{{1, 1, 1, 1, 1, 1, 2, 3}, {}},
                 {{1, 1, 1, 2, 1}, {0, 1, 2, 4, 5, 5, 5, 5, 5}},
                 {{1, 1, 2, 2, 3, 3, 4, 4}, {}}};
  columns.numbers = {{1, 2, 3, 4, 5, 6, 7, 8}};
  columns.labels = {{0, 1, 0, 1, 0, 1, 0, 1}};
  columns.weights = {1, 1, 1, 1, 1, 1, 1, 2};
  return Examples::from_columns(std::move(schema), std::move(columns)).value();
}

std::vector<uint32_t> of(const Examples& examples, size_t column, size_t row) {
  const auto ids = examples.ids(column, row);
  return {ids.begin(), ids.end()};
}

TEST(ExampleRows, FrequentIdsKeepARowAndRareOnesReadTheSumOfTwo) {
  const Examples examples = given();
  const auto uses = column_uses({examples});
  EXPECT_EQ(uses[0].at("1").times, 6U);
  EXPECT_EQ(uses[0].at("4").times, 0U);
  EXPECT_TRUE(uses[2].empty()) << "a column that is aside has no rows";
  const Admission admission{
      .least = 4, .rare = RareIds::kQuotientRemainder, .rare_rows = 4, .narrow_least = 1};
  const ExampleRows rows(examples.schema(), uses, admission);
  const auto again = rows.again(examples);
  ASSERT_TRUE(again) << again.error().message;
  // Two rare ids: two rows at most, of which there is one pair, so one row each.
  EXPECT_EQ(again->schema().ids[0], (IdColumn{"item", 1 + 1 + 2}));
  EXPECT_THAT(of(*again, 0, 0), ElementsAre(1));
  EXPECT_GE(of(*again, 0, 6)[0], 2U);
  EXPECT_EQ(again->schema().ids[2], (IdColumn{"_slate", 9}));
  EXPECT_THAT(of(*again, 2, 7), ElementsAre(4));
  EXPECT_EQ(of(*again, 1, 2).size(), 2U) << "a row an id in bags";
  EXPECT_TRUE(of(*again, 1, 7).empty());
  EXPECT_EQ(again->weight(7), 2);
  EXPECT_EQ(again->label(0)[1], 1);
  EXPECT_EQ(again->numbers(0, 7)[0], 8);
}

TEST(ExampleRows, NarrowHalvesAreColumnsBeside) {
  const Examples examples = given();
  const ExampleRows rows(examples.schema(), column_uses({examples}),
                         {.least = 4, .rare = RareIds::kNarrow, .narrow_least = 1});
  ASSERT_EQ(rows.schema().ids.size(), 5U);
  EXPECT_EQ(rows.schema().ids[3], (IdColumn{"item.narrow", 3}));
  EXPECT_EQ(rows.schema().ids[4], (IdColumn{"tags.narrow", 2, true}));
  const auto again = rows.again(examples).value();
  EXPECT_THAT(of(again, 0, 0), ElementsAre(1));
  EXPECT_THAT(of(again, 3, 0), ElementsAre(0));
  EXPECT_THAT(of(again, 0, 7), ElementsAre(0));
  EXPECT_THAT(of(again, 3, 7), ElementsAre(2));
  EXPECT_THAT(of(again, 1, 2), ElementsAre(1, 0));
  EXPECT_THAT(of(again, 4, 2), ElementsAre(0, 1));
}

// Columns whose rows are added up come back from files as they were, and none may be empty.
TEST(ExampleRows, SumsAreKeptInFiles) {
  ExampleSchema schema{.ids = {{"item", 9, true, false, true}}, .numbers = {}, .labels = {"click"}};
  ExampleColumns columns;
  columns.ids = {{{1, 2, 7}, {0, 1, 3}}};
  columns.labels = {{0, 1}};
  const auto examples = Examples::from_columns(schema, columns);
  ASSERT_TRUE(examples) << examples.error().message;
  const Path path =
      std::filesystem::temp_directory_path() / fmt::format("palate-sums-{}", getpid());
  std::filesystem::remove_all(path);
  ASSERT_TRUE(examples->save(path));
  const auto back = Examples::open(path);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->schema(), schema);
  EXPECT_THAT(of(*back, 0, 1), ElementsAre(2, 7));
  std::filesystem::remove_all(path);
  columns.ids[0].start = {0, 0, 3};
  EXPECT_THAT(Examples::from_columns(schema, columns).error().message,
              HasSubstr("a row without any"));
  schema.ids[0].many = false;
  EXPECT_FALSE(Examples::from_columns(
      schema, {.ids = {{{1, 2}, {}}}, .numbers = {}, .labels = {{0, 1}}, .weights = {}}));
}

}  // namespace
}  // namespace palate
