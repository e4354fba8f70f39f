// The contract suite of models: a planted world, and ways to train, save and load a model by the
// name of its catalogue row. contract_test.cc holds every row against it; a new model only needs
// its two catalogue lines. For tests; needs models_train.
#pragma once

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <unistd.h>
#include <vector>

#include "dataset/dataset.h"
#include "math/philox.h"
#include "models/catalog.h"
#include "models/train_catalog.h"

namespace palate {

// Two taste groups. Users of even rows like items of the first half [0, kGroupItems), the others
// those of the second half; everybody likes the first item of the own half, so that popularity has
// something to find too. The last kUnseenItems items have no interaction.
struct PlantedWorld {
  static constexpr uint32_t kUsers = 160;
  static constexpr uint32_t kGroupItems = 24;
  static constexpr uint32_t kUnseenItems = 6;
  static constexpr uint32_t kItems = 2 * kGroupItems + kUnseenItems;
  static constexpr uint32_t kLikes = 8;  // a user

  explicit PlantedWorld(uint64_t seed) : data(make(seed)) {}
  [[nodiscard]] static uint32_t group_of_user(uint32_t user) { return user % 2; }
  [[nodiscard]] static uint32_t group_of_item(ItemIx item) { return item.value / kGroupItems; }
  [[nodiscard]] Query query(uint32_t user) const {
    Query query;
    query.history = data.of({user});
    return query;
  }

  static Dataset make(uint64_t seed) {
    std::vector<uint64_t> start{0};
    std::vector<HistoryEntry> rows;
    for (uint32_t user = 0; user < kUsers; ++user) {
      Philox random(seed, user);
      const uint32_t first = group_of_user(user) * kGroupItems;
      std::set<uint32_t> liked{first};
      while (liked.size() < kLikes) liked.insert(first + random.below(kGroupItems));
      for (uint32_t item : liked) {
        HistoryEntry row;
        row.item = {item};
        row.type = {0};
        row.preference = 1;
        row.ts = {static_cast<int64_t>(rows.size()) * kSecondUs};
        row.offset = rows.size();
        rows.push_back(row);
      }
      start.push_back(rows.size());
    }
    return Dataset::from_rows(kItems, std::move(start), std::move(rows), TimeKind::kReal);
  }

  Dataset data;
};

// A trained model with the artefact that it came from; the directory goes with the object.
struct TrainedModel {
  Path path;
  std::shared_ptr<const Artefact> artefact;
  std::unique_ptr<Model> model;

  TrainedModel() = default;
  TrainedModel(TrainedModel&& other) noexcept
      : path(std::exchange(other.path, {})),
        artefact(std::move(other.artefact)),
        model(std::move(other.model)) {}
  ~TrainedModel() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
  }
};

struct TrainOptions {
  uint64_t seed = 1;
  size_t threads = 2;
  ModelConfigs configs = small_configs();

  // Quick to train on a small world.
  static ModelConfigs small_configs() {
    ModelConfigs configs;
    configs.als.factors = 4;
    configs.als.iterations = 10;
    return configs;
  }
};

// Through train_model(), commit, Artefact::open and load_model(): the way that a server takes.
inline Result<TrainedModel> train_for_test(std::string_view kind, const DatasetView& view,
                                           const TrainOptions& options = {}) {
  static std::atomic<int> made = 0;
  TrainedModel trained;
  trained.path =
      std::filesystem::temp_directory_path() / fmt::format("palate-model-{}-{}", getpid(), made++);
  auto writer = TRY(ArtefactWriter::create(trained.path));
  ThreadPool pool(options.threads);
  const TrainJob job{
      .data = &view, .configs = &options.configs, .pool = &pool, .stop = {}, .seed = options.seed};
  TRY(train_model(kind, job, writer));
  TRY(writer.commit());
  trained.artefact = TRY(Artefact::open(trained.path));
  trained.model = TRY(load_model(trained.artefact));
  return trained;
}

}  // namespace palate
