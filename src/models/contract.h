// The contract suite of models: a planted world, and ways to train, save and load a model by the
// name of its catalogue row. contract_test.cc holds every row against it; a new model only needs
// its two catalogue lines. For tests; needs models_train.
#pragma once

#include <atomic>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <unistd.h>
#include <vector>

#include "dataset/dataset.h"
#include "math/philox.h"
#include "models/catalog.h"
#include "models/train_catalog.h"
#include "models/train_program.h"

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

  // `rated`: likes are ratings of 5, and everybody rates some items of the other group with 1.
  explicit PlantedWorld(uint64_t seed, bool rated = false)
      : data(rated ? make_rated(seed) : make(seed)) {}
  [[nodiscard]] static uint32_t group_of_user(uint32_t user) { return user % 2; }
  [[nodiscard]] static uint32_t group_of_item(ItemIx item) { return item.value / kGroupItems; }
  [[nodiscard]] Query query(uint32_t user) const {
    Query query;
    query.history = data.of({user});
    query.profile = &profile_of_user(user);
    return query;
  }
  // Users of a group live in one region; a third of them say nothing of their language.
  [[nodiscard]] static const UserRecord& profile_of_user(uint32_t user) {
    static const std::vector<UserRecord> profiles = [] {
      std::vector<UserRecord> out(6);
      for (uint32_t i = 0; i < out.size(); ++i) {
        out[i].region = group_of_user(i) == 0 ? "NO" : "PT";
        out[i].language = i < 2 ? "" : out[i].region == "NO" ? "nb" : "pt";
      }
      return out;
    }();
    return profiles[user % profiles.size()];
  }
  // Items of a group have tags in common; of those without an interaction nothing is known.
  [[nodiscard]] static const Catalogue& catalogue() {
    static const Catalogue& shared = *[] {
      auto* made = new Catalogue;  // never freed: tests read it until the process ends
      for (uint32_t item = 0; item < kItems; ++item) {
        ItemRecord record;
        record.id = fmt::format("item-{}", item);
        if (item < 2 * kGroupItems) {
          const uint32_t group = group_of_item({item});
          record.titles[item % 2 == 0 ? "en" : "ru"] = fmt::format("Part {}", group);
          record.tags = {fmt::format("group-{}", group), fmt::format("{}-{}", group, item % 5)};
          record.categories = {fmt::format("shelf {}", group)};
          record.vectors["text"] = {group == 0 ? 1.0F : 0.1F, group == 0 ? 0.1F : 1.0F,
                                    0.01F * static_cast<float>(item)};
        }
        if (auto applied = made->apply(record); !applied) std::abort();
      }
      return made;
    }();
    return shared;
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

  static Dataset make_rated(uint64_t seed) {
    constexpr uint32_t kDislikes = 4;
    const Dataset liked = make(seed);
    std::vector<uint64_t> start{0};
    std::vector<HistoryEntry> rows;
    for (uint32_t user = 0; user < kUsers; ++user) {
      const auto mine = liked.of({user});
      rows.insert(rows.end(), mine.begin(), mine.end());
      for (auto row = rows.end() - kLikes; row != rows.end(); ++row) row->value = 5;
      Philox random(seed, kUsers + user);
      std::set<uint32_t> disliked;
      while (disliked.size() < kDislikes) {
        disliked.insert((1 - group_of_user(user)) * kGroupItems + random.below(kGroupItems));
      }
      for (const uint32_t item : disliked) {
        rows.push_back({{item}, {0}, false, 1.0F, -1.0F, rows.back().ts, 0});
      }
      start.push_back(rows.size());
    }
    for (size_t i = 0; i < rows.size(); ++i) rows[i].offset = i;
    return Dataset::from_rows(kItems, std::move(start), std::move(rows), TimeKind::kReal)
        .with_rating_types({{0}});
  }

  Dataset data;
};

inline bool needs_ratings(std::string_view kind) {
  for (const TrainerEntry& entry : trainer_catalogue()) {
    if (entry.kind == kind) return entry.needs_ratings;
  }
  return false;
}

// Two towers are trained by palate-train, which is not built where LibTorch is not.
inline bool can_be_trained(std::string_view kind) {
  return kind != "two_tower" || find_palate_train(kind).has_value();
}

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
  const Catalogue* catalogue = &PlantedWorld::catalogue();
  bool profiles = true;  // whether users say anything of themselves
  std::shared_ptr<const Artefact> previous = nullptr;

  // Quick to train on a small world.
  static ModelConfigs small_configs() {
    ModelConfigs configs;
    configs.als.factors = 4;
    configs.als.iterations = 10;
    configs.mf.factors = 4;
    configs.mf.profile = 4;
    configs.mf.iterations = 10;
    configs.mf.samples = 10;
    configs.two_tower.width = 8;
    configs.two_tower.hidden = 16;
    configs.two_tower.epochs = 12;
    configs.two_tower.batch = 64;
    configs.two_tower.negatives = 32;
    configs.two_tower.term_rows = 256;
    configs.two_tower.subword_rows = 1024;
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
  const auto profile_of = [&](const UserId& id) -> std::optional<UserRecord> {
    const auto user = view.dataset().find_user(id);
    if (!user || !options.profiles) return std::nullopt;
    return PlantedWorld::profile_of_user(user->value);
  };
  const TrainJob job{.data = &view,
                     .configs = &options.configs,
                     .pool = &pool,
                     .stop = {},
                     .seed = options.seed,
                     .catalogue = options.catalogue,
                     .profile_of = profile_of,
                     .previous = options.previous};
  TRY(train_model(kind, job, writer));
  TRY(writer.commit());
  trained.artefact = TRY(Artefact::open(trained.path));
  trained.model = TRY(load_model(trained.artefact));
  return trained;
}

}  // namespace palate
