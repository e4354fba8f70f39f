// Every feature online (streamed, with restarts) and offline (from the log, as of the same
// position) is the same number, to the last bit.
#include <cstring>
#include <random>

#include <gmock/gmock.h>

#include "events/block.h"
#include "features/feature_replay.h"
#include "features/live_state.h"
#include "features/memory_parts_for_test.h"
#include "features/reader.h"

namespace palate {
namespace {

constexpr int64_t kStart = 1'767'225'600 * kSecondUs;
constexpr size_t kItemsRead = 6;
const std::array<const char*, 4> kRegions = {"", R"({"region":"DE"})", R"({"region":"FR"})",
                                             R"({"device":"tv","region":"US"})"};

// What serving answered, and what it had seen.
struct Observed {
  AsOf as_of;
  std::string user, region;
  TimeUs now;
  std::vector<ItemIx> items;
  std::vector<float> values;
};

// A feature that a test brings along: of an item, read from whatever it likes.
using Extra = std::function<float(const FeatureSources& from, ItemIx item)>;

class Streamed {
 public:
  explicit Streamed(uint32_t seed) : random_(seed) {
    reader_.emplace(
        *FeatureReader::make(FeatureReader::all_names(types_, config_), types_, config_));
    reopen(0);
    for (int i = 0; i < 40; ++i) post_item();
  }

  // Sends events in batches of any size, with the process gone now and then, and reads in between.
  void run(size_t batches, const Extra& extra = {}) {
    for (size_t b = 0; b < batches; ++b) {
      if (below(20) == 0) post_item();
      if (below(20) == 0) post_user();
      post_events();
      if (below(25) == 0) reopen(below(2) == 0 ? 0 : 1'000'000);
      for (uint32_t reads = below(4); reads > 0; --reads) observe(extra);
    }
  }

  // Where the offline answer is not the online one: "item_count:click:1d of i3 at events/0@7".
  std::vector<std::string> skews(const Extra& extra = {}) const {
    std::vector<std::string> found;
    std::vector<AsOf> moments;
    for (const Observed& seen : observed_) moments.push_back(seen.as_of);
    FeatureReplay replay({&log_, &types_, &hash_, limits_, config_});
    const Status done = replay.run(
        moments,
        [&](size_t moment, const FeatureReplay::Known& known) -> Status {
          const Observed& seen = observed_[moment];
          const auto values = read(known.sources, known.user(seen.user), seen, extra);
          const size_t columns = values.size() / seen.items.size();
          for (size_t v = 0; v < values.size(); ++v) {
            if (std::memcmp(&values[v], &seen.values[v], sizeof(float)) == 0) continue;
            const auto names = FeatureReader::all_names(types_, config_);
            const size_t column = v % columns;
            found.push_back(fmt::format("{} of item {} at {}: {} online, {} offline",
                                        column < names.size() ? names[column] : "extra",
                                        seen.items[v / columns].value, to_string(seen.as_of),
                                        seen.values[v], values[v]));
          }
          return {};
        },
        {});
    if (!done) found.push_back(done.error().message);
    return found;
  }

  size_t observations() const { return observed_.size(); }
  // Features that were something else than nothing at least once.
  size_t live_features() const {
    std::vector<bool> live(reader_->size());
    for (const Observed& seen : observed_) {
      for (size_t v = 0; v < seen.values.size(); ++v) {
        if (seen.values[v] != 0) live[v % live.size()] = true;
      }
    }
    return static_cast<size_t>(std::ranges::count(live, true));
  }
  const EventLog& log() const { return log_; }
  const EventTypes& types() const { return types_; }
  size_t features() const { return reader_->size(); }

 private:
  uint32_t below(uint32_t n) { return random_() % n; }

  void reopen(size_t bulk_entries_min) {
    if (live_ && below(2) == 0) {
      EXPECT_TRUE(live_->flush());
    }
    live_ = std::make_unique<LiveState>(LiveState::Parts{.types = &types_,
                                                         .hash = &hash_,
                                                         .store = &store_,
                                                         .tenant = {},
                                                         .limits = limits_,
                                                         .features = config_,
                                                         .bulk_entries_min = bulk_entries_min,
                                                         .write_delay = std::chrono::hours(1)});
    const Status caught_up = live_->catch_up(log_, {});
    ASSERT_TRUE(caught_up) << caught_up.error().message;
  }

  Position append(Stream stream, std::vector<EncodedBlock> blocks) {
    std::vector<EventLog::Append> appends;
    for (auto& block : blocks) appends.push_back({stream, 0, block.count, std::move(block.bytes)});
    return log_.append(appends)->front();
  }

  // A new item, or another record of one that is there: its categories change.
  void post_item() {
    ItemRecord item;
    item.id = "i" + std::to_string(below(40));
    item.categories = {"c" + std::to_string(below(6)), "c" + std::to_string(below(6))};
    item.creator = below(3) == 0 ? "" : "m" + std::to_string(below(5));
    if (below(2) == 0) item.released = {kStart};
    const std::vector items{item};
    ASSERT_TRUE(live_->apply_items(append(Stream::kItems, encode_items(items)), items));
  }
  void post_user() {
    UserRecord user;
    user.id = "u" + std::to_string(below(60));
    user.region = below(2) == 0 ? "DE" : "US";
    const std::vector users{user};
    ASSERT_TRUE(live_->apply_users(append(Stream::kUsers, encode_users(users)), users));
  }

  void post_events() {
    static constexpr std::array kTypes = {"impression", "impression", "click",   "watch",
                                          "like",       "rating",     "dislike", "search"};
    const size_t items = live_->catalogue().view().size();
    std::vector<std::string> names;
    names.reserve(200);
    std::vector<EventView> rows(1 + below(40));
    for (EventView& row : rows) {
      clock_us_ += below(8) == 0 ? below(40) * 600 * kSecondUs : below(30) * kSecondUs;
      row.type = *types_.find(kTypes[below(kTypes.size())]);
      // A few users do most, one of them only ever one thing.
      const uint32_t user = below(3) == 0 ? below(5) : below(60);
      row.user = names.emplace_back("u" + std::to_string(user));
      const auto item = static_cast<uint32_t>(user == 3 ? 0 : below(static_cast<uint32_t>(items)));
      if (types_.at(row.type).role != Role::kNeutral) {
        row.item = names.emplace_back(live_->catalogue().view().name({item}));
      }
      if (row.type == *types_.find("rating")) row.value = 1 + below(5);
      if (row.type == *types_.find("watch")) row.value = below(300);
      if (below(3) > 0) row.request_id = "r1";
      row.received = {clock_us_};
      // Late by up to a day, or from a clock that runs ahead.
      row.ts = {clock_us_ - (below(4) == 0 ? below(86'400) * kSecondUs : 0) +
                (below(50) == 0 ? 3600 * kSecondUs : 0)};
      row.context = kRegions[below(kRegions.size())];
    }
    const Position first = append(Stream::kEvents, encode_events(rows, types_));
    if (below(10) == 0) return reopen(below(2) == 0 ? 0 : 1'000'000);  // killed before the fold
    ASSERT_TRUE(live_->apply_events(first, rows));
    if (below(10) != 0) return;
    ASSERT_TRUE(live_->apply_events(first, rows)) << "again: nothing changes";
  }

  std::vector<float> read(const FeatureSources& from, const UserState* user, const Observed& seen,
                          const Extra& extra) const {
    FeatureScratch scratch;
    std::vector<float> rows(seen.items.size() * reader_->size());
    const FeatureMoment moment{user, seen.region, seen.now};
    reader_->read({from, moment, seen.items}, rows, scratch);
    if (!extra) return rows;
    std::vector<float> longer;
    for (size_t i = 0; i < seen.items.size(); ++i) {
      const auto row = std::span(rows).subspan(i * reader_->size(), reader_->size());
      longer.insert(longer.end(), row.begin(), row.end());
      longer.push_back(extra(from, seen.items[i]));
    }
    return longer;
  }

  void observe(const Extra& extra) {
    const Catalogue::View items = live_->catalogue().view();
    const ItemSignals::View signals = live_->signals()->view();
    Observed seen;
    seen.as_of = live_->as_of();
    seen.user = "u" + std::to_string(below(65));
    seen.region = below(2) == 0 ? "" : "FR";
    seen.now = {clock_us_ + below(7200) * kSecondUs};
    for (size_t i = 0; i < kItemsRead; ++i) {
      seen.items.push_back({below(static_cast<uint32_t>(items.size()))});
    }
    const auto user = *live_->user(seen.user);
    seen.values = read({&types_, &items, &live_->popularity(), &signals}, user.get(), seen, extra);
    observed_.push_back(std::move(seen));
  }

  std::minstd_rand random_;
  EventTypes types_ = EventTypes::defaults();
  KeyedHash hash_{KeyedHash::Key{1, 2, 3}, Tenant{}};
  MemoryLog log_;
  MemoryStore store_;
  HistoryLimits limits_{.events_max = 30, .consumed_max = 20};
  FeatureConfig config_ = everything(5);
  std::optional<FeatureReader> reader_;
  std::unique_ptr<LiveState> live_;
  int64_t clock_us_ = kStart;
  std::vector<Observed> observed_;
};

TEST(NoSkew, EveryFeatureIsTheSameOnlineAndOffline) {
  size_t observations = 0;
  for (const uint32_t seed : {1, 2, 3}) {
    Streamed world(seed);
    world.run(700);
    observations += world.observations();
    const auto skews = world.skews();
    EXPECT_TRUE(skews.empty()) << "seed " << seed << ": " << skews.size() << ", first "
                               << skews.front();
    // Types that nobody sends stay at nothing: 7 of 15 are sent.
    EXPECT_GT(world.live_features(), world.features() * 2 / 5);
  }
  EXPECT_GT(observations, 3000U);
}

// It reads the log to its end, instead of to where serving was: the mistake that this test is for.
TEST(NoSkew, AFeatureThatLooksAheadIsFound) {
  Streamed world(4);
  const Extra leaky = [&](const FeatureSources& from, ItemIx item) {
    float likes = 0;
    const Status read =
        world.log().read({Stream::kEvents, 0, 0}, [&](const EventLog::Block& block) -> Status {
          const EventBatch batch = TRY(decode_events(block.bytes, world.types()));
          for (const EventView& row : batch.rows) likes += row.item == from.items->name(item);
          return {};
        });
    EXPECT_TRUE(read);
    return likes;
  };
  world.run(40, leaky);
  const auto skews = world.skews(leaky);
  ASSERT_FALSE(skews.empty());
  for (const std::string& skew : skews) EXPECT_TRUE(skew.starts_with("extra")) << skew;
}

}  // namespace
}  // namespace palate
