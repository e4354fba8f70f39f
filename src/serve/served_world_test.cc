#include <atomic>
#include <filesystem>
#include <unistd.h>

#include "base/check.h"
#include "dataset/dataset.h"
#include "models/train_catalog.h"
#include "registry/registry.h"
#include "serve/served_world_for_test.h"

namespace palate {
namespace {

constexpr uint32_t kUsers = 60, kGroupItems = 20, kLikes = 8;

template <class T>
T must(Result<T> result) {
  if (!result) check_failed("a good result", __FILE__, __LINE__, result.error().message.c_str());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace

ServedWorld::ServedWorld(Options options) {
  static std::atomic<int> made = 0;
  root_ =
      std::filesystem::temp_directory_path() / fmt::format("palate-serve-{}-{}", getpid(), made++);
  data_ = must(DataDirectory::open({.data = root_,
                                    .tenant = {},
                                    .mode = OpenMode::kWriter,
                                    .history = {},
                                    .ingest = {},
                                    .stop = {}},
                                   types_));
  fill();
  if (options.train) train();
  options.config.port = 0;
  options.config.threads = 2;
  options.config.release_poll_ms = 20;
  server_ = must(Server::start({data_.get(), &types_, {}, options.config}));
  running_ = std::jthread([this](const std::stop_token& stop) { must(server_->run_until(stop)); });
}

ServedWorld::~ServedWorld() {
  stop();
  server_.reset();
  data_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

void ServedWorld::stop() {
  running_.request_stop();
  if (running_.joinable()) running_.join();
}

void ServedWorld::fill() {
  std::vector<ItemRecord> items;
  for (const char group : {'a', 'b'}) {
    for (uint32_t i = 0; i < kGroupItems; ++i) {
      ItemRecord item;
      item.id = fmt::format("{}-{}", group, i);
      item.titles = {{"", fmt::format("Title {}{}", group, i)},
                     {"de", fmt::format("Titel {}{}", group, i)}};
      item.categories = {group == 'a' ? "fantasy" : "history"};
      items.push_back(std::move(item));
    }
  }
  must(data_->ingest().write_items(std::move(items)));
  EventBatch batch;
  for (uint32_t user = 0; user < kUsers; ++user) {
    for (uint32_t i = 0; i < kLikes; ++i) {
      EventView row;
      row.type = *types_.find("like");
      row.user = batch.arena.copy(fmt::format("user-{}", user));
      const uint32_t item = (user / 2 * 7 + i * (i + 3) / 2 * 3) % kGroupItems;
      row.item = batch.arena.copy(fmt::format("{}-{}", user % 2 == 0 ? 'a' : 'b', item));
      row.ts = row.received = {1'700'000'000'000'000 + (user * kLikes + i) * kSecondUs};
      batch.rows.push_back(row);
    }
  }
  must(data_->ingest().write_events(std::move(batch)));
}

void ServedWorld::train() {
  ThreadPool pool(2);
  const DatasetView view(must(Dataset::build(
      {.log = &data_->log(), .types = &types_, .hash = &data_->hash(), .as_of = {}}, pool, {})));
  ModelConfigs configs;
  configs.als.factors = 4;
  Registry registry(data_->root());
  std::map<std::string, std::string> versions;
  for (const std::string kind : {"popularity", "als"}) {
    auto writer = must(registry.start(kind));
    must(train_model(
        kind, {.data = &view, .configs = &configs, .pool = &pool, .stop = {}, .seed = 1}, writer));
    versions[kind] = writer.manifest.version;
    must(writer.commit());
  }
  must(registry.release(versions, "test"));
}

}  // namespace palate
