#include "rerankers/served_world.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <unistd.h>

#include "base/hash.h"
#include "dataset/dataset.h"
#include "models/train_catalog.h"
#include "recommend/request_id.h"
#include "simulate/emit.h"

namespace palate::bench {
namespace {

constexpr uint64_t kSeed = 1;  // of training, and of what re-rankers draw
// As many factors as a world of this size has tastes for (bench/areas/onboarding.py).
constexpr int kFactors = 16;
constexpr double kRegularization = 30;

std::atomic<int64_t> clock_us{0};
std::atomic<uint64_t> answers{0};

std::string next_request_id() {
  return fmt::format("{:016x}{:016x}", kSeed, answers.fetch_add(1) + 1);
}

LiveState::Parts parts_of(const EventTypes& types, const KeyedHash& hash, StateStore& store) {
  FeatureConfig features;
  features.counters = true;
  return {.types = &types,
          .hash = &hash,
          .store = &store,
          .tenant = Tenant(),
          .limits = {},
          .features = features,
          .write_delay = std::chrono::hours(24)};
}

}  // namespace

void must(const Status& status) {
  if (status) return;
  std::fprintf(stderr, "%s\n", status.error().message.c_str());
  std::exit(1);
}

ServedWorld::ServedWorld(const World& world)
    : world_(world),
      folder_(std::filesystem::temp_directory_path() / fmt::format("palate-served-{}", getpid())),
      live_(std::make_unique<LiveState>(parts_of(types_, hash_, store_))),
      registry_(folder_) {
  configs_.als.factors = kFactors;
  configs_.als.regularization = kRegularization;
  std::filesystem::create_directories(folder_);
  for (uint32_t item = 0; item < world.items(); ++item) {
    launches_.push_back({world.item(item).released, item});
  }
  std::ranges::stable_sort(launches_, std::greater{}, &Launch::at);
  set_clock_for_test([] { return TimeUs{clock_us.load()}; });
  set_request_ids_for_test(next_request_id);
}

ServedWorld::~ServedWorld() {
  set_request_ids_for_test(nullptr);
  set_clock_for_test(nullptr);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

Result<Position> ServedWorld::append(Stream stream, std::vector<EncodedBlock> blocks) {
  std::vector<EventLog::Append> appends;
  for (auto& block : blocks) appends.push_back({stream, 0, block.count, std::move(block.bytes)});
  return TRY(log_.append(appends)).front();
}

Status ServedWorld::begin() {
  TRY(live_->catch_up(log_, {}));
  TRY(release_until(world_.start()));
  std::vector<UserRecord> users;
  for (uint32_t user = 0; user < world_.users(); ++user) users.push_back(world_.user(user));
  const Position first = TRY(append(Stream::kUsers, encode_users(users)));
  return live_->apply_users(first, users);
}

Status ServedWorld::release_until(TimeUs at) {
  std::vector<ItemRecord> items;
  for (; !launches_.empty() && launches_.back().at <= at; launches_.pop_back()) {
    items.push_back(world_.item(launches_.back().item));
    items_.push_back(launches_.back().item);
  }
  if (items.empty()) return {};
  const Position first = TRY(append(Stream::kItems, encode_items(items)));
  return live_->apply_items(first, items);
}

Status ServedWorld::observe(std::span<const Happening> some) {
  if (some.empty()) return {};
  TRY(release_until({world_.start().us + some.back().us}));
  const EventBatch batch = TRY(to_events(world_, some, types_));
  const Position first = TRY(append(Stream::kEvents, encode_events(batch.rows, types_)));
  return live_->apply_events(first, batch.rows);
}

Status ServedWorld::train() {
  const auto data =
      TRY(Dataset::build({.log = &log_, .types = &types_, .hash = &hash_, .as_of = {}}, pool_, {}));
  const DatasetView view(data);
  std::map<std::string, std::string> versions;
  for (const std::string kind : {"als", "popularity"}) {
    auto writer = TRY(registry_.start(kind));
    TRY(train_model(
        kind, {.data = &view, .configs = &configs_, .pool = &pool_, .stop = {}, .seed = kSeed},
        writer));
    versions[kind] = writer.manifest.version;
    TRY(writer.commit());
  }
  const Release release = TRY(registry_.release(versions, "simulated"));
  recommender_ = TRY(Recommender::load({registry_, *live_, pipelines}, release));
  return {};
}

Result<Slate> ServedWorld::recommend(const RecommendRequest& request, TimeUs at) {
  clock_us = at.us;
  TRY(release_until(at));
  return recommender_->recommend(request);
}

}  // namespace palate::bench
