// What every StateStore must do, as a parameterized suite. An implementation plugs in with
//
//   INSTANTIATE_TEST_SUITE_P(Rocks, StateStoreContract, ::testing::Values(make_rocks_fixture));
//
// where the fixture owns what the store needs. Include it in tests only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "store/state_store.h"

namespace palate {

class StateStoreFixture {
 public:
  virtual ~StateStoreFixture() = default;
  virtual StateStore& store() = 0;
  // Closes the store and opens it again on the same data, as after a restart.
  virtual void reopen() = 0;
};

using StateStoreFixtureFactory = std::unique_ptr<StateStoreFixture> (*)();

class StateStoreContract : public ::testing::TestWithParam<StateStoreFixtureFactory> {
 protected:
  StateStore& store() { return fixture_->store(); }
  void reopen() { fixture_->reopen(); }

  void put(const std::string& key, const std::string& value) {
    const std::vector<StateStore::Put> batch{{key, value}};
    ASSERT_TRUE(store().write(batch));
  }
  std::vector<std::string> keys(std::string_view prefix) {
    std::vector<std::string> found;
    EXPECT_TRUE(store().scan(prefix, [&](std::string_view key, std::string_view) {
      found.emplace_back(key);
      return true;
    }));
    return found;
  }

 private:
  std::unique_ptr<StateStoreFixture> fixture_ = GetParam()();
};

TEST_P(StateStoreContract, MissingKeyIsNoError) {
  const auto value = store().get("nothing");
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_FALSE(value->has_value());
}

TEST_P(StateStoreContract, KeepsAnyBytes) {
  const std::string key("a\0b\xff", 4);
  const std::string value("\0\n\xff\xfe", 4);
  put(key, value);
  put("empty", "");
  EXPECT_EQ(store().get(key).value(), value);
  EXPECT_EQ(store().get("empty").value(), "");
  EXPECT_EQ(store().get(std::string("a\0b", 3)).value(), std::nullopt);
}

TEST_P(StateStoreContract, LaterEntryOfABatchWins) {
  const std::vector<StateStore::Put> batch{
      {"k", "first"}, {"k", "second"}, {"gone", "x"}, {"gone", std::nullopt}, {"not there", {}}};
  ASSERT_TRUE(store().write(batch));
  EXPECT_EQ(store().get("k").value(), "second");
  EXPECT_EQ(store().get("gone").value(), std::nullopt);
}

TEST_P(StateStoreContract, MultiGetAnswersInTheOrderAsked) {
  put("a", "1");
  put("b", "2");
  const std::vector<std::string> asked{"b", "missing", "a", "b"};
  const auto got = store().multi_get(asked);
  ASSERT_TRUE(got);
  EXPECT_THAT(*got, ::testing::ElementsAre("2", std::nullopt, "1", "2"));
  EXPECT_TRUE(store().multi_get({}).value().empty());
}

TEST_P(StateStoreContract, ScanIsAscendingAndStaysInsideThePrefix) {
  for (const char* key : {"u/2", "u/10", "u", "v/1", "t/9", "u/1"}) put(key, "x");
  put(std::string("u/\xff"), "x");
  EXPECT_THAT(keys("u/"), ::testing::ElementsAre("u/1", "u/10", "u/2", "u/\xff"));
  EXPECT_THAT(keys("w"), ::testing::IsEmpty());
  EXPECT_EQ(keys("").size(), 7U);
}

TEST_P(StateStoreContract, ScanStopsWhenTold) {
  for (const char* key : {"a", "b", "c"}) put(key, "x");
  int seen = 0;
  ASSERT_TRUE(store().scan("", [&](std::string_view, std::string_view) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
}

TEST_P(StateStoreContract, ScanSeesOneMoment) {
  for (const char* key : {"a", "b", "c"}) put(key, "old");
  std::string seen;
  ASSERT_TRUE(store().scan("", [&](std::string_view key, std::string_view value) {
    if (key == "a") put("c", "new");
    seen.append(key).append("=").append(value).append(" ");
    return true;
  }));
  EXPECT_EQ(seen, "a=old b=old c=old ");
  EXPECT_EQ(store().get("c").value(), "new");
}

TEST_P(StateStoreContract, SyncedStateSurvivesAReopening) {
  put("kept", "1");
  put("changed", "1");
  put("changed", "2");
  ASSERT_TRUE(store().sync());
  reopen();
  EXPECT_EQ(store().get("kept").value(), "1");
  EXPECT_EQ(store().get("changed").value(), "2");
}

// Any sequence of batches and reopenings leaves what a std::map would hold.
TEST_P(StateStoreContract, BehavesLikeAMap) {
  const bool ok = rc::check("state store against std::map", [&] {
    std::map<std::string, std::string> model;
    std::vector<StateStore::Put> wipe;
    for (const std::string& key : keys("")) wipe.push_back({key, std::nullopt});
    RC_ASSERT(store().write(wipe).has_value());
    const auto key = rc::gen::map(rc::gen::inRange(0, 40), [](int i) { return std::to_string(i); });
    const auto steps = *rc::gen::container<std::vector<std::vector<std::pair<std::string, int>>>>(
        rc::gen::container<std::vector<std::pair<std::string, int>>>(
            rc::gen::pair(key, rc::gen::inRange(-3, 9))));
    for (const auto& step : steps) {
      std::vector<StateStore::Put> batch;
      for (const auto& [name, number] : step) {
        const bool remove = number < 0;
        batch.push_back({name, remove ? std::nullopt : std::optional(std::to_string(number))});
        if (remove) {
          model.erase(name);
        } else {
          model[name] = std::to_string(number);
        }
      }
      RC_ASSERT(store().write(batch).has_value());
    }
    std::map<std::string, std::string> stored;
    RC_ASSERT(store()
                  .scan("",
                        [&](std::string_view name, std::string_view value) {
                          stored.emplace(name, value);
                          return true;
                        })
                  .has_value());
    RC_ASSERT(stored == model);
  });
  EXPECT_TRUE(ok);
}

TEST_P(StateStoreContract, ABulkIsSeenWholeWhenItIsCommittedAndNotBefore) {
  put("a", "old");
  put("b", "old");
  {
    const auto bulk = store().bulk();
    ASSERT_TRUE(bulk) << bulk.error().message;
    const auto one = *(*bulk)->part(), two = *(*bulk)->part();
    ASSERT_TRUE(two->add("c", "3"));
    ASSERT_TRUE(one->add("a", "1"));
    ASSERT_TRUE(one->add("aa", "2"));
    ASSERT_TRUE(one->finish());
    ASSERT_TRUE(two->finish());
    EXPECT_EQ(store().get("a").value(), "old");
    EXPECT_THAT(keys(""), ::testing::ElementsAre("a", "b"));
    ASSERT_TRUE((*bulk)->commit());
  }
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(store().get("a").value(), "1");
    EXPECT_EQ(store().get("b").value(), "old");
    EXPECT_THAT(keys(""), ::testing::ElementsAre("a", "aa", "b", "c"));
    reopen();
  }
  put("a", "new");
  EXPECT_EQ(store().get("a").value(), "new");
}

TEST_P(StateStoreContract, ABulkThatIsNotCommittedLeavesNothing) {
  {
    const auto bulk = store().bulk();
    ASSERT_TRUE(bulk) << bulk.error().message;
    const auto part = *(*bulk)->part();
    ASSERT_TRUE(part->add("a", "1"));
    ASSERT_TRUE(part->finish());
  }
  EXPECT_THAT(keys(""), ::testing::IsEmpty());
  reopen();
  EXPECT_THAT(keys(""), ::testing::IsEmpty());
  const auto empty = store().bulk();
  ASSERT_TRUE(empty);
  EXPECT_TRUE((*empty)->commit());
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StateStoreContract);

}  // namespace palate
