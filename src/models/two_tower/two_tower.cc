#include "models/two_tower/two_tower.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "infer/network.h"
#include "math/mix.h"
#include "math/recency_weights.h"
#include "models/demographic/demographic.h"
#include "models/item_retrieval.h"
#include "models/later_items.h"
#include "models/model_config.h"
#include "models/taste_row.h"
#include "models/two_tower/item_vectors.h"
#include "models/two_tower/towers.h"
#include "models/user_vectors.h"

namespace palate {
namespace {

constexpr size_t kLaterItemsAtOnce = 1024;  // of the catalogue, whose writer waits

// What the artefact says, checked; shared by models of more and fewer items.
struct Towers {
  std::shared_ptr<const Artefact> artefact;
  TwoTowerConfig config;
  std::shared_ptr<const Network> network;
  RowsView vectors;                 // items × width
  std::span<const uint32_t> known;  // by item; 0: nothing
  std::span<const uint64_t> traits;
};

// Vectors of all items, and whether they are known.
struct Items {
  std::vector<float> own_vectors;
  std::vector<uint32_t> own_known;
  std::vector<uint64_t> said;  // of those that came after training, what they were made of
  RowsView vectors;
  std::span<const uint32_t> known;
};

class TwoTower final : public Model, public KnowsLaterItems {
 public:
  TwoTower(std::shared_ptr<const Towers> towers, Items items)
      : towers_(std::move(towers)),
        items_(std::move(items)),
        retrieval_(items_.vectors, {.seen = items_.known,
                                    .nearly_from = towers_->config.nearly_from,
                                    .who = "two_tower " + version()}),
        user_vectors_(retrieval_.dim()) {
    info_ = {.kind = "two_tower",
             .version = version(),
             .items = items_.known.size(),
             .dimensions = retrieval_.factors(),
             .personalized = true,
             .can_similar = true};
    // With profiles it would have something to say of new users, and of items it does: but it is a
    // model for everybody, and these are for who has nothing else (recommend/load.cc).
  }

  [[nodiscard]] const ModelInfo& info() const override { return info_; }
  [[nodiscard]] bool can_answer(const Query& query) const override {
    return has_taste(query.history, items_.known) || !profile_rows(query).empty();
  }

  void score(const Query& query, std::span<const ItemIx> items, std::span<float> scores,
             Scratch& scratch) const override {
    scratch.floats.resize(retrieval_.dim());
    make_user(query, scratch.floats.data());
    retrieval_.score(scratch.floats.data(), items, scores, scratch);
  }
  void score_all(const Query& query, std::span<float> scores, Scratch& scratch) const override {
    score_batch({&query, 1}, scores, scratch);
  }
  void score_batch(std::span<const Query> queries, std::span<float> scores,
                   Scratch& scratch) const override {
    const size_t dim = retrieval_.dim();
    scratch.floats.resize(queries.size() * dim);
    for (size_t q = 0; q < queries.size(); ++q) {
      make_user(queries[q], scratch.floats.data() + q * dim);
    }
    retrieval_.score_batch(scratch.floats, scores);
  }
  std::vector<std::vector<Scored>> top_k(std::span<const TopKRequest> requests,
                                         Scratch& scratch) const override {
    return retrieval_.top_k(requests, scratch, [this](const Query& query, float* vector) {
      return make_user(query, vector);
    });
  }
  std::vector<Result<std::vector<Scored>>> similar_batch(std::span<const SimilarTo> requests,
                                                         Scratch& scratch) const override {
    return retrieval_.similar_batch(requests, scratch);
  }
  Result<std::vector<float>> user_vector(const Query& query, Scratch& scratch) const override {
    scratch.floats.resize(retrieval_.dim());
    make_user(query, scratch.floats.data());
    return std::vector<float>(scratch.floats.data(), scratch.floats.data() + retrieval_.factors());
  }
  bool item_vector(ItemIx item, std::span<float> out) const override {
    return retrieval_.item_vector(item, out);
  }

  [[nodiscard]] Result<std::unique_ptr<Model>> with_items(
      const Catalogue& catalogue) const override;
  [[nodiscard]] bool has_read(const Catalogue& catalogue) const override;

 private:
  [[nodiscard]] const std::string& version() const { return towers_->artefact->manifest().version; }
  [[nodiscard]] std::vector<uint32_t> profile_rows(const Query& query) const;
  // The user's vector into `vector` (retrieval_.dim() floats). False, and zeros, where nothing is
  // known of him.
  bool make_user(const Query& query, float* vector) const;
  bool run_tower(const Query& query, std::span<const uint32_t> profile, float* vector) const;

  std::shared_ptr<const Towers> towers_;
  Items items_;
  ItemRetrieval retrieval_;
  mutable UserVectors user_vectors_;
  ModelInfo info_;
};

std::vector<uint32_t> TwoTower::profile_rows(const Query& query) const {
  std::vector<uint32_t> out;
  if (query.profile == nullptr || towers_->traits.empty()) return out;
  for (const uint64_t trait : traits_of(*query.profile, {})) {
    const auto at = std::ranges::lower_bound(towers_->traits, trait);
    if (at == towers_->traits.end() || *at != trait) continue;
    out.push_back(1 + static_cast<uint32_t>(at - towers_->traits.begin()));
  }
  return out;
}

bool TwoTower::make_user(const Query& query, float* vector) const {
  const std::vector<uint32_t> profile = profile_rows(query);
  uint64_t taste = taste_hash(query.history);
  for (const uint32_t row : profile) taste = mix64(taste + row * kGolden64);
  const UserVectors::Key key{query.user, taste};
  const auto known = user_vectors_.find(key, vector);
  if (known.value_or(false)) return true;
  std::fill_n(vector, retrieval_.dim(), 0.0F);
  if (known) return false;
  const bool any = run_tower(query, profile, vector);
  user_vectors_.keep(key, any ? vector : nullptr);
  return any;
}

bool TwoTower::run_tower(const Query& query, std::span<const uint32_t> profile,
                         float* vector) const {
  const TwoTowerConfig& config = towers_->config;
  const std::vector<uint32_t> liked = taste_order(query.history, items_.known);
  if (liked.empty() && profile.empty()) return false;
  const size_t width = retrieval_.factors();
  const auto newest =
      std::span(liked).last(std::min(liked.size(), static_cast<size_t>(config.history)));
  const auto weights = recency_weights(newest.size(), config.half_life_items);
  std::vector<float> history(width, 0.0F);
  for (size_t i = 0; i < newest.size(); ++i) {
    const float* item = items_.vectors.row(newest[i]);
    for (size_t d = 0; d < width; ++d) history[d] += weights[i] * item[d];
  }
  // The request fits the network: load_two_tower() has seen to it.
  return tower_user(*towers_->network, {history, profile}, config, {vector, width}).has_value();
}

// Calls read(item, its record) for those from `first` on until it says false; the catalogue is let
// go of now and then. Whether it never did.
bool each_later(const Catalogue& catalogue, size_t first,
                const std::function<bool(size_t, const ItemRecord&)>& read) {
  const size_t end = catalogue.view().size();
  for (; first < end; first += kLaterItemsAtOnce) {
    const Catalogue::View view = catalogue.view();
    for (size_t item = first; item < std::min(end, first + kLaterItemsAtOnce); ++item) {
      if (!read(item, view.record({static_cast<uint32_t>(item)}))) return false;
    }
  }
  return true;
}

bool TwoTower::has_read(const Catalogue& catalogue) const {
  const size_t trained = towers_->known.size();
  size_t later = 0;
  const bool same = each_later(catalogue, trained, [&](size_t item, const ItemRecord& record) {
    later = item + 1 - trained;
    return later <= items_.said.size() &&
           items_.said[later - 1] == said_of(record, towers_->config);
  });
  return same && later == items_.said.size();
}

Result<std::unique_ptr<Model>> TwoTower::with_items(const Catalogue& catalogue) const {
  const size_t trained = towers_->known.size(), width = retrieval_.factors();
  const NetworkSpec& spec = towers_->network->spec();
  const size_t given = spec.dense.size() > 1 ? spec.dense[1].width : 0;
  Items items;
  items.own_known.assign(towers_->known.begin(), towers_->known.end());
  items.own_vectors.assign(towers_->vectors.data, towers_->vectors.data + trained * width);
  TowerItems fresh;  // of which nothing or something else was said before
  std::vector<size_t> of_fresh;
  each_later(catalogue, trained, [&](size_t item, const ItemRecord& record) {
    const size_t at = item - trained;
    items.said.push_back(said_of(record, towers_->config));
    if (at < items_.said.size() && items_.said[at] == items.said[at]) {
      const float* before = items_.vectors.row(item);
      items.own_vectors.insert(items.own_vectors.end(), before, before + width);
      items.own_known.push_back(items_.known[item]);
      return true;
    }
    const ItemContent content = content_of(record, towers_->config);
    fresh.add(0, content);
    of_fresh.push_back(item);
    const bool vector = append_vector(record, towers_->config, given, fresh.vectors);
    items.own_vectors.resize(items.own_vectors.size() + width);
    items.own_known.push_back(vector || !content.empty() ? 1 : 0);
    return true;
  });
  const auto vectors = TRY(tower_vectors(*towers_->network, fresh, towers_->config));
  for (size_t i = 0; i < of_fresh.size(); ++i) {
    const std::span vector = std::span(vectors).subspan(i * width, width);
    if (std::ranges::all_of(vector, [](float x) { return std::isfinite(x); })) {
      std::ranges::copy(
          vector, items.own_vectors.begin() + static_cast<std::ptrdiff_t>(of_fresh[i] * width));
    } else {
      items.own_known[of_fresh[i]] = 0;  // a given vector far beyond all that training saw
    }
  }
  items.known = items.own_known;
  items.vectors = {items.own_vectors.data(), items.own_known.size(), width};
  return std::make_unique<TwoTower>(towers_, std::move(items));
}

// The spec of both_towers() for this config, whatever its tables' sizes: what requests are made
// for.
Status check_towers(const Towers& towers) {
  const NetworkSpec& spec = towers.network->spec();
  const size_t given = spec.dense.size() > 1 ? spec.dense[1].width : 0;
  TowerShapes shapes;
  shapes.vector = static_cast<uint32_t>(given);
  shapes.profiles = static_cast<uint32_t>(towers.traits.size() + 1);
  const NetworkSpec expected =
      both_towers(user_tower(towers.config, shapes).spec, item_tower(towers.config, shapes).spec);
  if (spec.to_json() == expected.to_json()) return {};
  return fail(Code::kCorrupt, "{}: the network is not the two towers of its config; train again",
              towers.artefact->path().string());
}

}  // namespace

void TwoTowerConfig::fields(FieldVisitor<TwoTowerConfig>& field) {
  using C = TwoTowerConfig;
  field("width", &C::width, {.min = 2, .max = 1024, .unit = "dimensions", .tune = true},
        "Length of a vector.");
  field("hidden", &C::hidden, {.min = 0, .max = 4096, .unit = "units"},
        "Hidden layer of the user's tower; 0: none.");
  field("item_hidden", &C::item_hidden, {.min = 0, .max = 4096, .unit = "units"},
        "Hidden layer of the item's tower; 0: its vector is a sum of embeddings.");
  field("normalize", &C::normalize, {},
        "Vectors of length 1, so that scores are cosines over temperature; without, popular items "
        "may have longer ones.");
  field("temperature", &C::temperature, {.min = 1e-3, .max = 100, .tune = true, .tune_log = true},
        "What scores are divided by before the softmax; 0.05 to 0.2 with normalize.");
  field("epochs", &C::epochs, {.min = 1, .max = 10000, .unit = "epochs", .tune = true},
        "Passes over what users like.");
  field("batch", &C::batch, {.min = 2, .max = 65536, .unit = "rows"},
        "Users' items to be found at once; those of other users are what they are found among.");
  field("negatives", &C::negatives, {.min = 0, .max = 1e6, .unit = "items"},
        "Items drawn at random beside, for each batch.");
  field("learning_rate", &C::learning_rate, {.min = 1e-6, .max = 1, .tune = true, .tune_log = true},
        "Of the networks' layers (Adam).");
  field("table_learning_rate", &C::table_learning_rate,
        {.min = 1e-5, .max = 1, .tune = true, .tune_log = true}, "Of embeddings (Adagrad).");
  field("l2", &C::l2, {.min = 0, .max = 1, .tune = true, .tune_log = true},
        "Pulls the embeddings of each batch towards zero.");
  field("id_dropout", &C::id_dropout, {.min = 0, .max = 1, .tune = true},
        "Share of items that a batch sees as if they were new, by what is said of them; what makes "
        "new items comparable with others. 1: items are nothing but what is said of them.");
  field("history_dropout", &C::history_dropout, {.min = 0, .max = 0.99, .tune = true},
        "Share of a history that is left out at random while training.");
  field("history", &C::history, {.min = 1, .max = 10000, .unit = "items"},
        "Items of a history that count, the newest.");
  field("half_life_items", &C::half_life_items, {.min = 0, .max = 10000, .unit = "items"},
        "An item of a history counts half as much as one that came so many later; 0: all alike.");
  field("past_only", &C::past_only, {},
        "Learn each item from what the user liked before it; without, from all others of his.");
  field("term_rows", &C::term_rows, {.min = 2, .max = 1e8, .unit = "rows"},
        "Rows for tags, categories, creators, languages and regions, which are hashed.");
  field("subword_rows", &C::subword_rows, {.min = 2, .max = 1e8, .unit = "rows"},
        "Rows for words of titles and descriptions and their parts, which are hashed.");
  field("text_epochs", &C::text_epochs, {.min = 0, .max = 1000, .unit = "epochs"},
        "Passes over texts alone before likes count: an item's texts and tags are to find each "
        "other.");
  field(
      "vector", &C::vector, {},
      "Name of an embedding that items are given (of an image, of a text), mapped into the item's "
      "tower; empty: none.");
  field("users_min", &C::users_min, {.min = 2, .max = 1e6, .unit = "users"},
        "What fewer users say of themselves is not kept.");
  field("nearly_from", &C::nearly_from, {.min = 0, .max = 4e9, .unit = "items"},
        "From so many items on, a pipeline's sources get nearly the best, from the most promising "
        "of the catalogue; 0: always the best.");
}

Result<std::unique_ptr<Model>> load_two_tower(std::shared_ptr<const Artefact> artefact) {
  auto towers = std::make_shared<Towers>();
  towers->config = TRY(read_model_config<TwoTowerConfig>(*artefact));
  const TensorView vectors = TRY(artefact->tensor("item_vectors", DType::kF32, 2));
  towers->known = TRY(artefact->vector<uint32_t>("item_count"));
  towers->traits = TRY(artefact->vector<uint64_t>("traits"));
  const bool fits = vectors.rows() == artefact->manifest().items &&
                    vectors.rows() == towers->known.size() &&
                    vectors.cols() == static_cast<uint64_t>(towers->config.width) &&
                    std::ranges::is_sorted(towers->traits);
  if (!fits) {
    return fail(Code::kCorrupt,
                "{}: item_vectors {} × {} and item_count {} do not fit {} items of width {}, or "
                "traits do not ascend; train again",
                artefact->path().string(), vectors.rows(), vectors.cols(), towers->known.size(),
                artefact->manifest().items, towers->config.width);
  }
  const auto* data = reinterpret_cast<const float*>(vectors.bytes.data());
  towers->vectors = {data, vectors.rows(), vectors.cols()};
  const auto* wrong = std::find_if_not(data, data + vectors.rows() * vectors.cols(),
                                       [](float x) { return std::isfinite(x); });
  if (wrong != data + vectors.rows() * vectors.cols()) {
    return fail(Code::kCorrupt, "{}: item_vectors of item {} is not finite; train again",
                artefact->path().string(), static_cast<uint64_t>(wrong - data) / vectors.cols());
  }
  towers->network = TRY(Network::load(artefact));
  towers->artefact = std::move(artefact);
  TRY(check_towers(*towers));
  Items items;
  items.vectors = towers->vectors;
  items.known = towers->known;
  return std::make_unique<TwoTower>(std::move(towers), std::move(items));
}

}  // namespace palate
