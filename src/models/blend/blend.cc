#include "models/blend/blend.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include <nlohmann/json.hpp>

#include "models/blend/handover.h"
#include "models/catalog.h"
#include "models/taste_row.h"

namespace palate {
namespace {

// Whose scores are asked for at once: enough to make a part's batch worth it, and few enough to
// stay in the cache.
constexpr size_t kBatchQueries = 16;

struct Part {
  std::unique_ptr<Model> model;
  float factor = 0;  // of its scores
  PartRole role = PartRole::kPersonal;
};

class Blend final : public Model {
 public:
  Blend(std::shared_ptr<const Artefact> artefact, std::vector<Part> parts, const Handover& handover,
        std::span<const uint32_t> counts)
      : artefact_(std::move(artefact)),
        parts_(std::move(parts)),
        handover_(handover),
        known_(counts.size(), 0) {
    info_.kind = "blend";
    info_.version = artefact_->manifest().version;
    info_.items = counts.size();
    describe();
    Scratch scratch;
    std::vector<float> scores(counts.size());
    for (const Part& part : parts_) {
      part.model->score_all(Query{}, scores, scratch);
      for (size_t i = 0; i < scores.size(); ++i) known_[i] |= scores[i] != kUnknownScore ? 1U : 0U;
    }
    absent_ = never_seen(known_);
    for (const uint32_t count : counts) {
      item_share_.push_back(
          static_cast<float>(share_by_item(PartRole::kPersonal, count, handover_)));
    }
  }

  [[nodiscard]] const ModelInfo& info() const override { return info_; }

  [[nodiscard]] bool can_answer(const Query& query) const override {
    return std::ranges::any_of(parts_, [&](const Part& part) {
      const bool personal = part.model->info().personalized;
      return personal == info_.personalized && part.model->can_answer(query);
    });
  }

  void score(const Query& query, std::span<const ItemIx> items, std::span<float> scores,
             Scratch& scratch) const override {
    std::vector<float> own(items.size());
    std::ranges::fill(scores, 0.0F);
    for (const Part& part : parts_) {
      part.model->score(query, items, own, scratch);
      const float factor = factor_of(part, query);
      for (size_t i = 0; i < scores.size(); ++i) {
        if (knows(items[i]) && own[i] != kUnknownScore) {
          scores[i] += factor * share(part, items[i].value) * own[i];
        }
      }
    }
    for (size_t i = 0; i < scores.size(); ++i) {
      if (!knows(items[i])) scores[i] = kUnknownScore;
    }
  }

  void score_all(const Query& query, std::span<float> scores, Scratch& scratch) const override {
    score_batch({&query, 1}, scores, scratch);
  }

  void score_batch(std::span<const Query> queries, std::span<float> scores,
                   Scratch& scratch) const override {
    std::vector<float> own(scores.size());
    std::ranges::fill(scores, 0.0F);
    for (const Part& part : parts_) {
      part.model->score_batch(queries, own, scratch);
      for (size_t q = 0; q < queries.size(); ++q) {
        add(part, factor_of(part, queries[q]), own.data() + q * info_.items,
            scores.data() + q * info_.items);
      }
    }
    for (size_t i = 0; i < scores.size(); ++i) {
      if (known_[i % info_.items] == 0) scores[i] = kUnknownScore;
    }
  }

  std::vector<std::vector<Scored>> top_k(std::span<const TopKRequest> requests,
                                         Scratch& scratch) const override {
    std::vector<std::vector<Scored>> out(requests.size());
    std::vector<Query> queries;
    std::vector<size_t> asked;
    std::vector<float> scores;
    for (size_t r = 0; r < requests.size(); ++r) {
      if (can_answer(requests[r].query)) asked.push_back(r);
    }
    for (size_t first = 0; first < asked.size(); first += kBatchQueries) {
      const std::span batch =
          std::span(asked).subspan(first).first(std::min(kBatchQueries, asked.size() - first));
      queries.clear();
      for (const size_t r : batch) queries.push_back(requests[r].query);
      scores.resize(batch.size() * info_.items);
      score_batch(queries, scores, scratch);
      for (size_t i = 0; i < batch.size(); ++i) {
        out[batch[i]] = best_of(std::span(scores).subspan(i * info_.items, info_.items), absent_,
                                requests[batch[i]]);
      }
    }
    return out;
  }

  // Those of the weightiest part that has any.
  std::vector<Result<std::vector<Scored>>> similar_batch(std::span<const SimilarTo> requests,
                                                         Scratch& scratch) const override {
    auto out = Model::similar_batch(requests, scratch);
    std::vector<size_t> open(requests.size());
    std::iota(open.begin(), open.end(), size_t{0});
    for (const Part& part : parts_) {
      if (!part.model->info().can_similar || open.empty()) continue;
      std::vector<SimilarTo> asked;
      for (const size_t r : open) asked.push_back(requests[r]);
      auto own = part.model->similar_batch(asked, scratch);
      for (size_t i = 0; i < open.size(); ++i) out[open[i]] = std::move(own[i]);
      std::erase_if(open,
                    [&](size_t r) { return out[r] || out[r].error().code != Code::kNotFound; });
    }
    return out;
  }

  Result<std::vector<Contribution>> explain(const Query& query, ItemIx item, size_t n,
                                            Scratch& scratch) const override;

 private:
  void describe() {
    info_.can_explain = true;
    bool ratings = true;
    for (const Part& part : parts_) {
      const ModelInfo& info = part.model->info();
      info_.personalized |= info.personalized;
      info_.cold_users |= info.cold_users;
      info_.cold_items |= info.cold_items;
      info_.can_similar |= info.can_similar;
      info_.can_explain &= info.can_explain;
      ratings &= info.scores == ScoreMeaning::kRating;
    }
    if (!ratings) return;
    info_.scores = ScoreMeaning::kRating;
    info_.score_min = parts_.front().model->info().score_min;
    info_.score_max = parts_.front().model->info().score_max;
  }

  [[nodiscard]] bool knows(ItemIx item) const {
    return item.value < known_.size() && known_[item.value] != 0;
  }
  [[nodiscard]] float factor_of(const Part& part, const Query& query) const {
    if (handover_.user_events <= 0) return part.factor;
    return part.factor *
           static_cast<float>(share_by_user(part.role, liked_events(query.history), handover_));
  }
  [[nodiscard]] float share(const Part& part, uint32_t item) const {
    return part.role == PartRole::kPersonal ? item_share_[item] : 1.0F;
  }
  void add(const Part& part, float factor, const float* own, float* sums) const {
    const bool by_item = part.role == PartRole::kPersonal && handover_.item_events > 0;
    for (size_t i = 0; i < info_.items; ++i) {
      const float here = by_item ? factor * item_share_[i] : factor;
      sums[i] += own[i] == kUnknownScore ? 0.0F : here * own[i];
    }
  }

  std::shared_ptr<const Artefact> artefact_;
  std::vector<Part> parts_;  // the weightiest first
  Handover handover_;
  std::vector<uint32_t> known_;    // whether any part knows the item
  std::vector<float> item_share_;  // how much parts that learn from interactions count
  std::vector<uint64_t> absent_;
  ModelInfo info_;
};

// Scores are sums of the parts', so their reasons add up, too.
Result<std::vector<Contribution>> Blend::explain(const Query& query, ItemIx item, size_t n,
                                                 Scratch& scratch) const {
  if (!info_.can_explain) return Model::explain(query, item, n, scratch);
  std::map<uint32_t, float> sums;
  for (const Part& part : parts_) {
    const auto own = part.model->explain(query, item, query.history.size(), scratch);
    const bool another_knows = knows(item) && !own && own.error().code == Code::kNotFound;
    if (another_knows) continue;
    if (!own) return std::unexpected(own.error());
    const float factor = factor_of(part, query) * share(part, item.value);
    for (const Contribution& reason : *own) sums[reason.because_of.value] += factor * reason.score;
  }
  std::vector<Contribution> out;
  for (const auto& [past, sum] : sums) out.push_back({{past}, sum});
  std::ranges::stable_sort(out, std::ranges::greater{}, &Contribution::score);
  out.resize(std::min(n, out.size()));
  return out;
}

Result<Part> load_part(const Artefact& whole, const nlohmann::json& said) {
  const auto kind = said.value("kind", std::string{});
  const Path path = whole.path() / Path(said.value("folder", "part-" + kind)).filename();
  auto artefact = TRY(Artefact::open(path));
  const bool same = artefact->manifest().kind == kind && kind != "blend" &&
                    artefact->manifest().checksums ==
                        said.value("checksums", std::map<std::string, std::string>{});
  if (!same) {
    return fail(Code::kCorrupt, "{}: is not the part that the blend was made of; train again",
                path.string());
  }
  Part part{TRY(load_model(std::move(artefact))), said.value("factor", 0.0F)};
  part.role = role_of(part.model->info());
  if (part.model->info().items == whole.manifest().items) return part;
  return fail(Code::kCorrupt, "{}: has {} items, the blend {}; train again", path.string(),
              part.model->info().items, whole.manifest().items);
}

}  // namespace

void BlendConfig::fields(FieldVisitor<BlendConfig>& field) {
  using C = BlendConfig;
  field("models", &C::models, {},
        "The parts, each with the settings of its own section, or with others: "
        "mf:solver=als:factors=20.");
  field("weights", &C::weights, {},
        "A weight for each part, of scores with a mean square of 1; empty: chosen on held-out "
        "data.");
  field("validation_share", &C::validation_share, {.min = 0.01, .max = 0.9},
        "How much of each user's rows is held out to choose the weights on.");
  field("validation_users", &C::validation_users, {.min = 1, .max = 1e6, .unit = "users"},
        "On how many users at most the weights are chosen.");
  field("cut", &C::cut, {.min = 1, .max = 200, .unit = "items"},
        "Weights are chosen by ndcg at this cut.");
  field("user_events", &C::user_events, {.min = -1, .max = 1e6, .unit = "events"},
        "With so many events a user's personal parts count half, and those for cold users the "
        "other half; 0: no hand-over; -1: chosen with the weights.");
  field("item_events", &C::item_events, {.min = -1, .max = 1e6, .unit = "events"},
        "With so many interactions of an item the parts that learn from them count half, beside "
        "those for cold items; 0: in full; -1: chosen with the weights.");
}

Result<std::unique_ptr<Model>> load_blend(std::shared_ptr<const Artefact> artefact) {
  const auto counts = TRY(artefact->vector<uint32_t>("item_count"));
  const auto details = nlohmann::json::parse(artefact->manifest().details_json, nullptr, false);
  const bool readable = details.is_object() && details.contains("parts") &&
                        details["parts"].is_array() && counts.size() == artefact->manifest().items;
  if (!readable) {
    return fail(Code::kCorrupt, "{}: details.parts or item_count is not what a blend has",
                artefact->path().string());
  }
  std::vector<Part> parts;
  Handover handover;
  try {
    for (const auto& said : details["parts"]) {
      Part part = TRY(load_part(*artefact, said));
      // Nothing times what a part does not know is not nothing.
      if (part.factor > 0) parts.push_back(std::move(part));
    }
    handover = {details.value("user_events", 0.0), details.value("item_events", 0.0)};
  } catch (const nlohmann::json::exception& error) {
    return fail(Code::kCorrupt, "{}: details.parts: {}", artefact->path().string(), error.what());
  }
  if (parts.empty()) {
    return fail(Code::kCorrupt, "{}: no part counts", artefact->path().string());
  }
  std::ranges::stable_sort(parts, std::ranges::greater{}, &Part::factor);
  return std::make_unique<Blend>(std::move(artefact), std::move(parts), handover, counts);
}

}  // namespace palate
