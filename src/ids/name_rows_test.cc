#include "ids/name_rows.h"

#include <cmath>
#include <set>

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "ids/row_choices.h"

namespace palate {
namespace {

using ::testing::ElementsAre;

// Ids with as many uses as drawn, half of them long ago.
std::map<std::string, IdUse> drawn_uses() {
  std::map<std::string, IdUse> uses;
  for (const auto& [name, times] : *rc::gen::arbitrary<std::map<std::string, uint16_t>>()) {
    uses[name] = {times, times % 2 == 0 ? 1000 : 10};
  }
  return uses;
}

Admission drawn_admission() {
  const auto kind = *rc::gen::element(RareIds::kShared, RareIds::kHashed,
                                      RareIds::kQuotientRemainder, RareIds::kNarrow);
  return {.least = *rc::gen::inRange<uint64_t>(1, 40000),
          .oldest_us = *rc::gen::element<int64_t>(INT64_MIN, 100),
          .rare = kind,
          .rare_rows = *rc::gen::inRange<uint32_t>(1, 50),
          .narrow_least = *rc::gen::inRange<uint64_t>(1, 100)};
}

RC_GTEST_PROP(NameRows, EveryIdReadsRowsOfItsTableAndFrequentOnesTheirOwn, ()) {
  const auto uses = drawn_uses();
  const Admission admission = drawn_admission();
  const NameRows rows = NameRows::of_uses(uses, admission);
  std::set<uint32_t> own;
  for (const auto& [name, use] : uses) {
    const IdRows read = rows.rows_of(name);
    for (const uint32_t row : read.all()) RC_ASSERT(row < rows.rows());
    RC_ASSERT(rows.row_of(name) < rows.rows());
    RC_ASSERT(rows.narrow_row(name) <= rows.narrow().size());
    if (!name.empty() && admission.own(use)) {
      RC_ASSERT(read.count == 1U);
      RC_ASSERT(read.row[0] == rows.row_of(name));
      RC_ASSERT(read.row[0] >= 1 && read.row[0] <= rows.own());
      RC_ASSERT(own.insert(read.row[0]).second);
      RC_ASSERT(rows.narrow_row(name) == 0U);
      continue;
    }
    const bool shares = rows.rare().rows > 0 && !name.empty();
    RC_ASSERT((shares ? read.row[0] > rows.own() : read.row[0] == 0U));
    RC_ASSERT((rows.narrow_row(name) > 0) == (!name.empty() && admission.narrow(use)));
  }
  RC_ASSERT(own.size() == rows.own());
}

RC_GTEST_PROP(NameRows, WhatIsKeptOfThemReadsTheSameRows, ()) {
  const auto uses = drawn_uses();
  const NameRows rows = NameRows::of_uses(uses, drawn_admission());
  const NameRows again(rows.names(), rows.rare(), rows.narrow());
  for (const auto& [name, use] : uses) {
    RC_ASSERT(again.rows_of(name) == rows.rows_of(name));
    RC_ASSERT(again.row_of(name) == rows.row_of(name));
    RC_ASSERT(again.narrow_row(name) == rows.narrow_row(name));
  }
}

// A row that an id shares stays its own while the table does, whoever has a row before it.
RC_GTEST_PROP(NameRows, NewFrequentIdsMoveSharedRowsTogether, ()) {
  const RareRows rare{*rc::gen::element(RareIds::kHashed, RareIds::kQuotientRemainder), 16};
  const NameRows few({"a"}, rare), more({"a", "b", "c"}, rare);
  const auto name = "id " + *rc::gen::arbitrary<std::string>();
  IdRows moved = few.rows_of(name);
  for (uint32_t i = 0; i < moved.count; ++i) moved.row[i] += 2;
  RC_ASSERT(moved == more.rows_of(name));
}

std::map<std::string, IdUse> many_rare(size_t ids) {
  std::map<std::string, IdUse> uses;
  for (size_t i = 0; i < ids; ++i) uses["rare " + std::to_string(i)] = {1, 0};
  return uses;
}

TEST(NameRows, SharedRowsAreUsedAlike) {
  const auto uses = many_rare(64000);
  for (const RareIds kind : {RareIds::kHashed, RareIds::kQuotientRemainder}) {
    const NameRows rows = NameRows::of_uses(uses, {.least = 2, .rare = kind, .rare_rows = 64});
    ASSERT_EQ(rows.rows(), 65U);
    std::vector<double> readers(rows.rows());
    for (const auto& [name, use] : uses) {
      for (const uint32_t row : rows.rows_of(name).all()) ++readers[row];
    }
    const double expected = kind == RareIds::kHashed ? 1000 : 2000;
    // Six standard deviations of a binomial draw.
    for (size_t row = 1; row < readers.size(); ++row) {
      EXPECT_NEAR(readers[row], expected, 6 * std::sqrt(expected)) << rare_name(kind) << row;
    }
  }
}

TEST(NameRows, TwoRowsTellMoreIdsApartThanOne) {
  auto uses = many_rare(1000);
  uses["frequent"] = {500, 0};
  const Admission admission{.least = 10, .rare_rows = 100, .narrow_least = 1};
  const auto choices = row_choices(uses, Reads::kOne, admission);
  ASSERT_EQ(choices.size(), 5U);
  const auto share = [&](size_t way) { return choices[way].colliding_share(); };
  EXPECT_EQ(choices[0].name, "own");
  EXPECT_EQ(share(0), 0);
  EXPECT_EQ(choices[0].rows, 1002U);
  EXPECT_EQ(choices[1].colliding_ids, 1000U) << "all rare ids share row 0";
  EXPECT_EQ(choices[1].rows, 2U);
  EXPECT_GT(share(2), 0.95);  // ten ids a row
  // 2500 pairs of rows: another of 999 ids has the same pair with 1 - (1 - 1/2500)^999 = 0.33.
  EXPECT_NEAR(share(3), 0.33, 0.06);
  EXPECT_EQ(choices[3].rows, 102U);
  EXPECT_EQ(share(4), 0);
  EXPECT_EQ(choices[4].narrow_rows, 1001U);
  EXPECT_EQ(choices[4].bytes_f32(16, 4), 4U * (2 * 16 + 1001 * 4));
  EXPECT_EQ(choices[0].bytes_i8(16, 4), 1002U * 20);
  EXPECT_EQ(choices[1].times, 1500U);
  const auto of_bags = row_choices(uses, Reads::kBag, admission);
  EXPECT_GT(of_bags[3].colliding_share(), 0.95) << "where many are read, each reads one row";
}

TEST(NameRows, VocabulariesKeepWhatIsFrequentAndRecent) {
  const std::map<std::string, IdUse> uses{{"a", {5, 100}}, {"b", {9, 100}}, {"c", {2, 100}},
                                          {"", {99, 100}}, {"d", {5, 100}}, {"old", {50, 10}}};
  const NameRows all = NameRows::of_uses(uses, {.least = 3});
  EXPECT_THAT(all.names(), ElementsAre("old", "b", "a", "d"));
  const NameRows rows = NameRows::of_uses(uses, {.least = 3, .oldest_us = 50});
  EXPECT_THAT(rows.names(), ElementsAre("b", "a", "d"));
  EXPECT_EQ(rows.row_of("b"), 1U);
  EXPECT_EQ(rows.row_of("c"), 0U);
  EXPECT_EQ(rows.row_of("old"), 0U);
  EXPECT_EQ(rows.rows(), 4U);
  const NameRows narrow = NameRows::of_uses(
      uses, {.least = 6, .oldest_us = 50, .rare = RareIds::kNarrow, .narrow_least = 3});
  EXPECT_THAT(narrow.names(), ElementsAre("b"));
  EXPECT_THAT(narrow.narrow(), ElementsAre("a", "d")) << "neither the rare nor the old";
}

TEST(RareRows, AreNoMoreThanThereAreRareIds) {
  const Admission hashed{.rare = RareIds::kHashed, .rare_rows = 100};
  EXPECT_EQ(RareRows::of(hashed, 0), RareRows());
  EXPECT_EQ(RareRows::of(hashed, 5).rows, 8U);
  EXPECT_EQ(RareRows::of(hashed, 5000).rows, 100U);
  const Admission composed{.rare = RareIds::kQuotientRemainder, .rare_rows = 100};
  EXPECT_FALSE(RareRows::of(composed, 2).sums()) << "two rows have one pair";
  EXPECT_TRUE(RareRows::of(composed, 4).sums());
  EXPECT_EQ(RareRows::of({.rare = RareIds::kNarrow, .rare_rows = 9}, 5), RareRows());
}

}  // namespace
}  // namespace palate
