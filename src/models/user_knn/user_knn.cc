#include "models/user_knn/user_knn.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "math/top_k.h"
#include "models/model_config.h"
#include "models/taste_row.h"

namespace palate {
namespace {

// Sparse rows, indices ascending within one.
struct Lists {
  std::span<const uint64_t> start;
  std::span<const uint32_t> index;
  [[nodiscard]] std::span<const uint32_t> of(uint32_t row) const {
    return index.subspan(start[row], start[row + 1] - start[row]);
  }
};

struct Tensors {
  Lists items_of;  // by row of somebody
  Lists had_by;    // rows by item
  std::span<const uint32_t> seen;
};

std::vector<float> powers(std::span<const uint32_t> counts, double power) {
  std::vector<float> out;
  out.reserve(counts.size());
  for (const uint32_t count : counts) {
    out.push_back(static_cast<float>(std::pow(std::max(1U, count), power)));
  }
  return out;
}

class UserKnn final : public Model {
 public:
  UserKnn(std::shared_ptr<const Artefact> artefact, const UserKnnConfig& config,
          const Tensors& tensors)
      : artefact_(std::move(artefact)),
        config_(config),
        tensors_(tensors),
        rare_(powers(tensors.seen, -config.item_power)),
        target_(powers(tensors.seen, -config.target_power)),
        absent_(never_seen(tensors.seen)) {
    info_.kind = "user_knn";
    info_.version = artefact_->manifest().version;
    info_.items = tensors.seen.size();
    info_.personalized = true;
    const size_t rows = tensors.items_of.start.size() - 1;
    for (uint32_t row = 0; row < rows; ++row) {
      const auto size = static_cast<double>(std::max<size_t>(1, tensors.items_of.of(row).size()));
      length_.push_back(static_cast<float>(std::pow(size, -config.user_power)));
    }
  }

  [[nodiscard]] const ModelInfo& info() const override { return info_; }
  [[nodiscard]] bool can_answer(const Query& query) const override {
    return has_taste(query.history, tensors_.seen);
  }

  void score(const Query& query, std::span<const ItemIx> items, std::span<float> scores,
             Scratch& scratch) const override {
    scratch.floats.resize(info_.items);
    sum_up(query, scratch.floats, scratch);
    for (size_t i = 0; i < items.size(); ++i) {
      const bool known = items[i].value < info_.items && tensors_.seen[items[i].value] > 0;
      scores[i] = known ? scratch.floats[items[i].value] : kUnknownScore;
    }
  }

  void score_all(const Query& query, std::span<float> scores, Scratch& scratch) const override {
    sum_up(query, scores, scratch);
    for (size_t i = 0; i < scores.size(); ++i) {
      if (tensors_.seen[i] == 0) scores[i] = kUnknownScore;
    }
  }

  std::vector<std::vector<Scored>> top_k(std::span<const TopKRequest> requests,
                                         Scratch& scratch) const override {
    std::vector<std::vector<Scored>> out(requests.size());
    scratch.floats.resize(info_.items);
    for (size_t r = 0; r < requests.size(); ++r) {
      if (!can_answer(requests[r].query)) continue;
      sum_up(requests[r].query, scratch.floats, scratch);
      out[r] = best_of({scratch.floats.data(), info_.items}, absent_, requests[r]);
    }
    return out;
  }

 private:
  // The sums over the nearest of their similarity, by item.
  void sum_up(const Query& query, std::span<float> sums, Scratch& scratch) const {
    std::ranges::fill(sums, 0.0F);
    for (const ScoredIndex& near : nearest(query, scratch)) {
      const float weight = std::pow(near.score, static_cast<float>(config_.contrast));
      for (const uint32_t item : tensors_.items_of.of(near.index)) {
        sums[item] += weight * target_[item];
      }
    }
  }

  [[nodiscard]] std::vector<ScoredIndex> nearest(const Query& query, Scratch& scratch) const {
    const TasteRow row = taste_row(query.history, tensors_.seen);
    auto& common = scratch.more_floats;
    common.resize(std::max(common.size(), length_.size()));
    scratch.indices.clear();
    std::fill_n(common.begin(), length_.size(), 0.0F);
    for (const uint32_t item : row.index) {
      for (const uint32_t other : tensors_.had_by.of(item)) {
        if (common[other] == 0) scratch.indices.push_back(other);
        common[other] += rare_[item];
      }
    }
    // Ascending, so that of equals the first row is kept.
    std::ranges::sort(scratch.indices);
    TopK best(std::min(static_cast<size_t>(config_.neighbours), scratch.indices.size()));
    for (const uint32_t other : scratch.indices) best.push(common[other] * length_[other], other);
    return best.take();
  }

  std::shared_ptr<const Artefact> artefact_;
  UserKnnConfig config_;
  Tensors tensors_;
  std::vector<float> rare_, target_, length_;
  std::vector<uint64_t> absent_;
  ModelInfo info_;
};

// The checksum says that the bytes are as written; this says that they mean what a sum relies on.
bool fits(const Lists& lists, size_t rows, size_t columns) {
  bool good = lists.start.size() == rows + 1 && lists.start.front() == 0 &&
              lists.start.back() == lists.index.size();
  for (size_t i = 0; good && i < rows; ++i) good = lists.start[i] <= lists.start[i + 1];
  return good && std::ranges::all_of(lists.index, [&](uint32_t to) { return to < columns; });
}

}  // namespace

void UserKnnConfig::fields(FieldVisitor<UserKnnConfig>& field) {
  using C = UserKnnConfig;
  field("neighbours", &C::neighbours,
        {.min = 1, .max = 100000, .unit = "users", .tune = true, .tune_log = true},
        "How many of the most similar users are asked.");
  field("item_power", &C::item_power, {.min = 0, .max = 1, .tune = true},
        "A common item counts its interactions to minus this power: more makes rare ones count.");
  field("user_power", &C::user_power, {.min = 0, .max = 1, .tune = true},
        "A similarity is divided by the number of the other's items to this power.");
  field("contrast", &C::contrast, {.min = 0, .max = 5, .tune = true},
        "Similarities to this power: above 1 the nearest decide.");
  field("target_power", &C::target_power, {.min = -0.5, .max = 1, .tune = true},
        "Scores are divided by the item's interactions to this power.");
  field("users_max", &C::users_max, {.min = 1, .max = 1e9, .unit = "users"},
        "So many users are compared with at most, drawn at random.");
}

Result<std::unique_ptr<Model>> load_user_knn(std::shared_ptr<const Artefact> artefact) {
  const auto config = TRY(read_model_config<UserKnnConfig>(*artefact));
  Tensors tensors;
  tensors.seen = TRY(artefact->vector<uint32_t>("item_count"));
  tensors.items_of.start = TRY(artefact->vector<uint64_t>("start"));
  tensors.items_of.index = TRY(artefact->vector<uint32_t>("index"));
  tensors.had_by.start = TRY(artefact->vector<uint64_t>("item_start"));
  tensors.had_by.index = TRY(artefact->vector<uint32_t>("item_index"));
  const size_t items = artefact->manifest().items;
  const size_t rows = tensors.items_of.start.empty() ? 0 : tensors.items_of.start.size() - 1;
  const bool good = tensors.seen.size() == items && rows > 0 &&
                    fits(tensors.items_of, rows, items) && fits(tensors.had_by, items, rows);
  if (!good) {
    return fail(Code::kCorrupt,
                "{}: tensors start, index, item_start, item_index do not fit {} "
                "items; train again",
                artefact->path().string(), items);
  }
  return std::make_unique<UserKnn>(std::move(artefact), config, tensors);
}

}  // namespace palate
