// What tops the list of trending items: a hit within its first hours, and not what one bot farm,
// one hour or one busy evening of everybody makes.
#include <algorithm>

#include <gtest/gtest.h>

#include "events/block.h"
#include "features/live_state.h"
#include "features/memory_parts_for_test.h"
#include "features/reader.h"
#include "math/philox.h"

namespace palate {
namespace {

constexpr int64_t kStart = 1'767'225'600 * kSecondUs, kHourUs = 3600 * kSecondUs;
constexpr uint32_t kItems = 150, kUsers = 500;
constexpr uint32_t kHit = kItems - 1, kTarget = kItems - 2, kSpike = kItems - 3;

// A week of honest traffic; items of low number are liked most.
class Week {
 public:
  Week() {
    live_ = std::make_unique<LiveState>(LiveState::Parts{.types = &types_,
                                                         .hash = &hash_,
                                                         .store = &store_,
                                                         .tenant = {},
                                                         .limits = {},
                                                         .features = everything(0),
                                                         .write_delay = std::chrono::hours(1)});
    EXPECT_TRUE(live_->catch_up(log_, {}));
    std::vector<ItemRecord> items(kItems);
    for (uint32_t i = 0; i < kItems; ++i) items[i].id = item(i);
    EXPECT_TRUE(live_->apply_items(append(Stream::kItems, encode_items(items)), items));
    for (int64_t hour = 0; hour < 7 * 24; ++hour) honest_hour(60);
  }

  void honest_hour(uint32_t likes) {
    for (uint32_t i = 0; i < likes; ++i) {
      const uint32_t popular = std::min(random_.below(kItems - 3), random_.below(kItems - 3));
      like("u" + std::to_string(random_.below(kUsers)), popular, i);
    }
    send();
    now_us_ += kHourUs;
  }
  // Within the hour that is going on.
  void like(const std::string& user, uint32_t what, uint32_t second) {
    likes_.push_back({user, item(what), now_us_ + second % 3600 * kSecondUs + random_.below(999)});
  }
  std::string known() { return "u" + std::to_string(random_.below(kUsers)); }

  std::vector<float> read(const std::string& feature) const {
    const std::vector<std::string> names{feature};
    const auto reader = *FeatureReader::make(names, types_, live_->features());
    std::vector<ItemIx> all;
    for (uint32_t i = 0; i < kItems; ++i) all.push_back({i});
    std::vector<float> out(kItems);
    FeatureScratch scratch;
    const Catalogue::View items = live_->catalogue().view();
    const ItemSignals::View signals = live_->signals()->view();
    const FeatureMoment moment{nullptr, "", {now_us_}};
    reader.read({{&types_, &items, &live_->popularity(), &signals}, moment, all}, out, scratch);
    return out;
  }
  // 0: the first of the list.
  size_t rank(uint32_t what) const {
    const std::vector<float> values = read("item_trending");
    return static_cast<size_t>(
        std::ranges::count_if(values, [&](float value) { return value > values[what]; }));
  }

 private:
  struct Like {
    std::string user, item;
    int64_t us;
  };
  static std::string item(uint32_t i) { return "i" + std::to_string(i); }
  Position append(Stream stream, std::vector<EncodedBlock> blocks) {
    std::vector<EventLog::Append> appends;
    for (auto& block : blocks) appends.push_back({stream, 0, block.count, std::move(block.bytes)});
    return log_.append(appends)->front();
  }
  void send() {
    std::vector<EventView> rows(likes_.size());
    std::ranges::sort(likes_, {}, &Like::us);
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i].type = *types_.find("like");
      rows[i].user = likes_[i].user;
      rows[i].item = likes_[i].item;
      rows[i].ts = rows[i].received = {likes_[i].us};
    }
    EXPECT_TRUE(live_->apply_events(append(Stream::kEvents, encode_events(rows, types_)), rows));
    likes_.clear();
  }

  EventTypes types_ = EventTypes::defaults();
  KeyedHash hash_{KeyedHash::Key{1, 2, 3}, Tenant{}};
  MemoryLog log_;
  MemoryStore store_;
  std::unique_ptr<LiveState> live_;
  Philox random_{5, 0};
  int64_t now_us_ = kStart;
  std::vector<Like> likes_;
};

TEST(Trending, AHitIsFirstWithinThreeHours) {
  Week week;
  for (int hour = 0; hour < 3; ++hour) {
    for (uint32_t i = 0; i < 15; ++i) week.like(week.known(), kHit, i * 240);
    week.honest_hour(60);
  }
  EXPECT_EQ(week.rank(kHit), 0U);
  EXPECT_EQ(week.read("item_anomaly")[kHit], 0);
}

// Sixty new accounts, one like each: more than a hit gets.
TEST(Trending, AFloodOfNewAccountsIsFlaggedAndDoesNotPassAHit) {
  Week week;
  for (int hour = 0; hour < 3; ++hour) {
    for (uint32_t i = 0; i < 15; ++i) week.like(week.known(), kHit, i * 240);
    for (uint32_t i = 0; i < 20; ++i) {
      week.like("bot" + std::to_string(hour * 20 + i), kTarget, i * 180);
    }
    week.honest_hour(60);
  }
  EXPECT_EQ(week.read("item_anomaly")[kTarget], 1);
  EXPECT_EQ(week.rank(kHit), 0U);
  EXPECT_GT(week.rank(kTarget), 0U);
  const auto trending = week.read("item_trending");
  EXPECT_LT(trending[kTarget], trending[kHit] / 10);
}

// Few accounts that click one item all the time add less than one honest user each does in passing.
TEST(Trending, AClickFarmGainsLessThanATenth) {
  Week week;
  for (int hour = 0; hour < 24; ++hour) {
    for (uint32_t i = 0; i < 60; ++i) week.like("bot" + std::to_string(i % 5), kTarget, i * 60);
    week.honest_hour(60);
  }
  const float counted = week.read("item_count:like:7d")[kTarget];
  EXPECT_LT(counted, 24 * 60 / 10 * 0.9);
  EXPECT_EQ(week.read("item_anomaly")[kTarget], 1);
  EXPECT_LT(week.read("item_popularity")[kTarget], week.read("item_popularity")[0]);
}

TEST(Trending, WhenEverybodyComesNothingTrends) {
  Week week;
  const float before = std::ranges::max(week.read("item_trending"));
  for (int hour = 0; hour < 3; ++hour) week.honest_hour(600);
  const auto trending = week.read("item_trending");
  EXPECT_LT(std::ranges::max(trending), std::max(before, 5.F));
}

TEST(Trending, OneHourAWeekAgoIsNoTrend) {
  Week week;
  for (uint32_t i = 0; i < 40; ++i) week.like(week.known(), kSpike, i * 90);
  week.honest_hour(60);
  EXPECT_EQ(week.rank(kSpike), 0U);
  for (int hour = 0; hour < 30; ++hour) week.honest_hour(60);
  EXPECT_LT(week.read("item_trending")[kSpike], 0.5);
}

}  // namespace
}  // namespace palate
