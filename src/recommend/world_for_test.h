// A small world for the tests of this room: a log and a store in memory, live state over them,
// models trained through the real way (log, dataset, trainer, registry).
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include "base/check.h"
#include "dataset/dataset.h"
#include "events/block.h"
#include "features/memory_parts_for_test.h"
#include "models/contract.h"
#include "recommend/decision.h"
#include "recommend/pipeline.h"
#include "recommend/recommender.h"

namespace palate {

class RecommendWorld {
 public:
  explicit RecommendWorld(const FeatureConfig& features = {})
      : root_(std::filesystem::temp_directory_path() /
              fmt::format("palate-recommend-{}-{}", getpid(), made_++)),
        registry_(root_) {
    std::filesystem::create_directories(root_);
    live_ = std::make_unique<LiveState>(LiveState::Parts{.types = &types_,
                                                         .hash = &hash_,
                                                         .store = &store_,
                                                         .tenant = {},
                                                         .limits = {},
                                                         .features = features,
                                                         .write_delay = std::chrono::hours(1)});
    must(live_->catch_up(log_, {}));
  }
  ~RecommendWorld() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  static std::string item_name(uint32_t i) { return fmt::format("item-{}", i); }
  static std::string user_name(uint32_t u) { return fmt::format("user-{}", u); }
  static ItemRecord item(uint32_t i) {
    ItemRecord record;
    record.id = item_name(i);
    record.titles[""] = fmt::format("Title {}", i);
    record.titles["de"] = fmt::format("Titel {}", i);
    record.categories = {i < PlantedWorld::kGroupItems ? "fantasy" : "history"};
    return record;
  }

  void post_items(const std::vector<ItemRecord>& items) {
    must(live_->apply_items(append(Stream::kItems, encode_items(items)), items));
  }
  void post_user(const UserRecord& user) {
    const std::vector users{user};
    must(live_->apply_users(append(Stream::kUsers, encode_users(users)), users));
  }
  // Posts one event a (user, item); returns the end of the log after it.
  Position post(const std::string& type, const std::string& user, const std::string& item) {
    return post_all({event(type, user, item)});
  }
  // An event that lives as long as its strings.
  EventView event(std::string_view type, std::string_view user, std::string_view item) {
    EventView row;
    row.type = *types_.find(type);
    row.user = user;
    row.item = item;
    row.ts = row.received = {1'767'225'600'000'000 + static_cast<int64_t>(posted_++) * kSecondUs};
    return row;
  }
  Position post_all(const std::vector<EventView>& rows) {
    Position position = append(Stream::kEvents, encode_events(rows, types_));
    must(live_->apply_events(position, rows));
    position.offset += rows.size();
    return position;
  }
  // Before anything is posted.
  void declare(EventType type) { must(types_.declare(std::move(type))); }
  // Two taste groups of users and items, as in models/contract.h, with categories by group.
  void plant(uint32_t users = 60, uint64_t seed = 1) {
    std::vector<ItemRecord> items;
    for (uint32_t i = 0; i < 2 * PlantedWorld::kGroupItems; ++i) items.push_back(item(i));
    post_items(items);
    for (uint32_t user = 0; user < users; ++user) {
      Philox random(seed, user);
      for (uint32_t i = 0; i < PlantedWorld::kLikes; ++i) {
        const uint32_t liked =
            user % 2 * PlantedWorld::kGroupItems + random.below(PlantedWorld::kGroupItems);
        post("like", user_name(user), item_name(liked));
      }
    }
  }

  // Trains on the whole log and makes a release.
  Release train(const std::vector<std::string>& kinds) {
    ThreadPool pool(2);
    const auto data = must(
        Dataset::build({.log = &log_, .types = &types_, .hash = &hash_, .as_of = {}}, pool, {}));
    const DatasetView view(data);
    std::map<std::string, std::string> versions;
    for (const std::string& kind : kinds) {
      auto writer = must(registry_.start(kind));
      must(train_model(kind,
                       {.data = &view, .configs = &configs, .pool = &pool, .stop = {}, .seed = 1},
                       writer));
      versions[kind] = writer.manifest.version;
      must(writer.commit());
    }
    return must(registry_.release(versions, "test"));
  }
  std::shared_ptr<const Recommender> recommender(const Release& release) {
    return must(Recommender::load({registry_, *live_, pipelines, "plain", decisions}, release));
  }
  std::shared_ptr<const Recommender> trained(const std::vector<std::string>& kinds) {
    return recommender(train(kinds));
  }

  // Where the answers of recommender() are logged; nullptr: nowhere.
  const DecisionSink* decisions = nullptr;
  Pipelines pipelines;
  ModelConfigs configs = TrainOptions::small_configs();
  LiveState& live() { return *live_; }
  const EventLog& log() const { return log_; }
  // Another state over a log, with nothing in its store yet.
  std::unique_ptr<LiveState> folded_anew(const EventLog& log, MemoryStore& store) const {
    auto state =
        std::make_unique<LiveState>(LiveState::Parts{.types = &types_,
                                                     .hash = &hash_,
                                                     .store = &store,
                                                     .tenant = {},
                                                     .limits = {},
                                                     .features = live_->features(),
                                                     .write_delay = std::chrono::hours(1)});
    must(state->catch_up(log, {}));
    return state;
  }
  Registry& registry() { return registry_; }
  const EventTypes& types() const { return types_; }

 private:
  template <class T>
  static T must(Result<T> result) {
    if (!result) check_failed("result", __FILE__, __LINE__, result.error().message.c_str());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }
  Position append(Stream stream, std::vector<EncodedBlock> blocks) {
    std::vector<EventLog::Append> appends;
    for (auto& block : blocks) appends.push_back({stream, 0, block.count, std::move(block.bytes)});
    return must(log_.append(appends)).front();
  }

  static inline std::atomic<int> made_ = 0;
  Path root_;
  EventTypes types_ = EventTypes::defaults();
  KeyedHash hash_{KeyedHash::Key{1, 2, 3}, Tenant{}};
  MemoryLog log_;
  MemoryStore store_;
  std::unique_ptr<LiveState> live_;
  Registry registry_;
  uint64_t posted_ = 0;
};

}  // namespace palate
