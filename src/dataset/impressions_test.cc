#include "dataset/impressions.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>

#include "events/block.h"
#include "events/memory_log_for_test.h"

namespace palate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kStart = 1'767'225'600 * kSecondUs;
constexpr int64_t kMinute = 60 * kSecondUs;

// A log that is written a row at a time; minutes are of the client's clock.
struct Written {
  EventTypes types = EventTypes::defaults();
  MemoryLog log;
  Catalogue catalogue;

  Written() {
    for (const char* id : {"a", "b", "c"}) {
      ItemRecord item;
      item.id = id;
      EXPECT_TRUE(catalogue.apply(item));
    }
  }
  struct Row {
    const char* type;
    const char* user;
    const char* item;
    int64_t minute = 0;
    const char* request = "";
    double value = kNoValue;
    int32_t slot = kNoSlot;
    const char* context = "";
  };
  void add(const Row& row) {
    EventView event;
    event.type = *types.find(row.type);
    event.user = row.user;
    event.item = row.item;
    event.request_id = row.request;
    event.context = row.context;
    event.value = row.value;
    event.slot = row.slot;
    event.ts = event.received = {kStart + row.minute * kMinute};
    const std::vector rows{event};
    for (auto& block : encode_events(rows, types)) {
      const std::vector<EventLog::Append> append{
          {Stream::kEvents, 0, block.count, std::move(block.bytes)}};
      EXPECT_TRUE(log.append(append));
    }
  }
  // Somebody else does something, so that time goes on.
  void wait_until(int64_t minute) { add({"search", "clock", "", minute}); }

  Impressions read(const std::vector<std::string>& objectives, bool alone = false) {
    const auto parsed = parse_objectives(objectives, types);
    EXPECT_TRUE(parsed);
    auto read = read_impressions({&log, &types, &catalogue}, *parsed, alone, {});
    EXPECT_TRUE(read);
    return std::move(*read);
  }
};

TEST(Impressions, AnOutcomeAnswersTheNewestImpressionOfUserAndItem) {
  Written log;
  log.add({"impression", "ann", "a", 0});
  log.add({"impression", "ann", "a", 10});
  log.add({"impression", "bob", "a", 11});
  log.add({"click", "ann", "a", 12});
  log.wait_until(1000);
  EXPECT_THAT(log.read({"click:1h"}).labels, ElementsAre(0, 1, 0));
}

TEST(Impressions, ARequestSaysWhichImpressionIsAnswered) {
  Written log;
  log.add({"impression", "ann", "a", 0, "r1", kNoValue, 0});
  log.add({"impression", "ann", "b", 0, "r1", kNoValue, 1});
  log.add({"impression", "ann", "a", 5, "r2", kNoValue, 0});
  log.add({"click", "ann", "a", 6, "r1"});
  log.wait_until(1000);
  const Impressions read = log.read({"click:1h"});
  EXPECT_THAT(read.labels, ElementsAre(1, 0, 0));
  ASSERT_EQ(read.slates.size(), 2u);
  EXPECT_EQ(read.slates[0].rows, 2u);
  EXPECT_EQ(read.slates[0].offset, 0u);
  EXPECT_EQ(read.slates[1].offset, 2u);
  EXPECT_EQ(read.rows[1].slot, 1);
}

TEST(Impressions, RowsOfASlateComeTogetherHoweverTheyWereLogged) {
  Written log;
  log.add({"impression", "ann", "a", 0, "r1"});
  log.add({"impression", "bob", "c", 0, "r2"});
  log.add({"impression", "ann", "b", 0, "r1"});
  log.add({"click", "ann", "b", 1, "r1"});
  log.wait_until(1000);
  const Impressions read = log.read({"click:1h"});
  EXPECT_THAT(read.labels, ElementsAre(0, 1, 0));
  EXPECT_EQ(read.rows[1].item, ItemIx{1});
  EXPECT_EQ(read.users[read.slates[1].user], "bob");
}

TEST(Impressions, WindowsAreClosedAndDifferByObjective) {
  Written log;
  log.add({"impression", "ann", "a", 0});
  log.add({"click", "ann", "a", 60});
  log.add({"like", "ann", "a", 61});
  log.wait_until(10000);
  EXPECT_THAT(log.read({"click:60m", "like:60m"}).labels, ElementsAre(1, 0));
  EXPECT_THAT(log.read({"click:59m", "like:2h"}).labels, ElementsAre(0, 1));
}

TEST(Impressions, WhatIsNotOverIsNotKnownWhicheverWayItWent) {
  Written log;
  log.add({"impression", "ann", "a", 0});
  log.add({"click", "ann", "a", 1});
  log.add({"impression", "bob", "a", 2});
  log.wait_until(59);
  for (const float label : log.read({"click:1h"}).labels) EXPECT_TRUE(std::isnan(label));
  log.wait_until(60);
  const auto labels = log.read({"click:1h"}).labels;
  EXPECT_EQ(labels[0], 1);
  EXPECT_TRUE(std::isnan(labels[1]));
}

TEST(Impressions, AnObjectiveMayAskForAValue) {
  Written log;
  log.add({"impression", "ann", "a", 0});
  log.add({"impression", "ann", "b", 0});
  log.add({"watch", "ann", "a", 1, "", 29.9});
  log.add({"watch", "ann", "b", 1, "", 30});
  log.wait_until(1000);
  EXPECT_THAT(log.read({"watch:1h:30"}).labels, ElementsAre(0, 1));
}

TEST(Impressions, WhatAnswersNothingIsCountedOrStandsAlone) {
  Written log;
  log.add({"click", "ann", "a", 0});
  log.add({"impression", "ann", "b", 1});
  log.add({"impression", "ann", "nobody-knows-it", 1});
  log.add({"click", "ann", "c", 2});
  log.wait_until(1000);
  const Impressions read = log.read({"click:1h"});
  EXPECT_EQ(read.unanswering, 2u);
  EXPECT_EQ(read.unknown_items, 1u);
  EXPECT_THAT(read.labels, ElementsAre(0));
  const Impressions alone = log.read({"click:1h"}, true);
  EXPECT_THAT(alone.labels, ElementsAre(1, 0, 1));
  EXPECT_EQ(alone.slates[0].offset, 0u) << "as of the moment before the outcome itself";
}

TEST(Impressions, RandomizedOnesSayIt) {
  Written log;
  log.add({"impression", "ann", "a", 0, "r", kNoValue, 0, R"({"randomized":true})"});
  log.add({"impression", "ann", "b", 0, "r", kNoValue, 1});
  log.wait_until(1000);
  const Impressions read = log.read({"click:1h"});
  EXPECT_TRUE(read.rows[0].randomized);
  EXPECT_FALSE(read.rows[1].randomized);
}

TEST(Objectives, SayWhatIsWrong) {
  const EventTypes types = EventTypes::defaults();
  const auto error = [&](const std::vector<std::string>& texts) {
    const auto parsed = parse_objectives(texts, types);
    return parsed ? std::string("fine") : parsed.error().message;
  };
  EXPECT_EQ(error({"click:1h", "watch:1d:30"}), "fine");
  EXPECT_THAT(error({"clik:1h"}), HasSubstr("did you mean 'click'"));
  for (const char* text : {"click", "click:", "click:h", "click:0h", "click:-1h", "click:1y",
                           "click:999999999999d", "click:1h:x", "click:1h:nan", "click:1h:1:2"}) {
    EXPECT_THAT(error({text}), HasSubstr(text)) << text;
  }
  EXPECT_THAT(error({"impression:1h"}), HasSubstr("no outcome"));
  EXPECT_THAT(error({"click:1h", "click:2h"}), HasSubstr("twice"));
  EXPECT_THAT(error({}), HasSubstr("nothing to learn"));
}

}  // namespace
}  // namespace palate
