#include "ids/item_interner.h"

#include <string>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace palate {
namespace {

TEST(ItemInterner, IndexesFollowTheOrderOfAdding) {
  ItemInterner items;
  EXPECT_EQ(items.add("b").value(), ItemIx{0});
  EXPECT_EQ(items.add("a").value(), ItemIx{1});
  EXPECT_EQ(items.add("b").value(), ItemIx{0});
  EXPECT_EQ(items.name(ItemIx{1}), "a");
  EXPECT_EQ(items.find("c"), std::nullopt);
  EXPECT_EQ(items.size(), 2U);
}

TEST(ItemInterner, NamesStayWhereTheyAreWhileItGrowsAndMoves) {
  ItemInterner items;
  items.add("first").value();
  const std::string_view first = items.name(ItemIx{0});
  for (int i = 0; i < 100'000; ++i) items.add(std::to_string(i)).value();
  ItemInterner moved = std::move(items);
  EXPECT_EQ(moved.name(ItemIx{0}).data(), first.data());
  EXPECT_EQ(first, "first");
  EXPECT_EQ(moved.find("99999"), ItemIx{100'000});
}

TEST(ItemInterner, FullIsOverloadedButKnownItemsStay) {
  ItemInterner items(2);
  items.add("a").value();
  items.add("b").value();
  const auto full = items.add("c");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::kOverloaded);
  EXPECT_EQ(items.add("a").value(), ItemIx{0});
  EXPECT_EQ(items.size(), 2U);
}

TEST(ItemInterner, OverlongNameIsRefused) {
  ItemInterner items;
  EXPECT_EQ(items.add(std::string(65'536, 'x')).error().code, Code::kInvalidArgument);
  const std::string longest(65'535, 'x');
  EXPECT_EQ(items.name(items.add(longest).value()), longest);
}

TEST(ItemInterner, MemoryPerItemIsBounded) {
  ItemInterner items;
  constexpr size_t kItems = 1'000'000;
  for (size_t i = 0; i < kItems; ++i) items.add(std::to_string(1'000'000 + i)).value();
  // Seven bytes of name and at most 34 beside it.
  EXPECT_LE(items.bytes(), kItems * (7 + 34));
}

RC_GTEST_PROP(ItemInterner, BehavesLikeAMapAndAVector, ()) {
  const auto names = *rc::gen::container<std::vector<std::string>>(
      rc::gen::container<std::string>(rc::gen::inRange('a', 'd')));
  ItemInterner items;
  std::unordered_map<std::string, uint32_t> model;
  for (const std::string& name : names) {
    RC_ASSERT(items.find(name).has_value() == model.contains(name));
    const auto expected = model.try_emplace(name, static_cast<uint32_t>(model.size()));
    RC_ASSERT(items.add(name).value().value == expected.first->second);
  }
  RC_ASSERT(items.size() == model.size());
  for (const auto& [name, ix] : model) {
    RC_ASSERT(items.name(ItemIx{ix}) == name);
    RC_ASSERT(items.find(name)->value == ix);
  }
}

}  // namespace
}  // namespace palate
