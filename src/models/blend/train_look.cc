#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "base/stop.h"
#include "models/blend/train_parts.h"
#include "models/train_cooccurrence.h"

namespace palate {
namespace {

// Of each part's best items, those that the weights are chosen on.
constexpr size_t kCandidates = 100;

// Someone whom the weights are chosen on.
struct Asked {
  UserIx user;
  std::optional<UserRecord> profile;
  std::vector<HistoryEntry> history;
  std::vector<uint32_t> relevant;  // ascending; liked in the slice and not in the history
};

// Those with something relevant; or, where nobody has, those with a history, whom a scale can be
// read off.
std::vector<Asked> ask(const Slices& slices, size_t users_max) {
  const auto& [fit, held_out] = slices;
  std::vector<Asked> all, others;
  std::vector<HistoryEntry> scratch;
  for (uint32_t user = 0; user < fit.users(); ++user) {
    Asked asked{{user}, {}, {}, {}};
    const auto history = fit.of({user}, scratch);
    asked.history.assign(history.begin(), history.end());
    for (const HistoryEntry& row : held_out.of({user}, scratch)) {
      const bool known = std::ranges::any_of(
          asked.history, [&](const HistoryEntry& past) { return past.item == row.item; });
      if (row.preference > 0 && !known) asked.relevant.push_back(row.item.value);
    }
    std::ranges::sort(asked.relevant);
    const auto again = std::ranges::unique(asked.relevant);
    asked.relevant.erase(again.begin(), again.end());
    if (asked.history.empty()) continue;
    (asked.relevant.empty() ? others : all).push_back(std::move(asked));
  }
  if (all.empty()) all = std::move(others);
  if (all.size() <= users_max) return all;
  std::vector<Asked> some;  // evenly, which is as good as at random: rows say nothing of taste
  for (size_t i = 0; i < users_max; ++i) {
    some.push_back(std::move(all[i * all.size() / users_max]));
  }
  return some;
}

// What a part says of a user: its scores of all items, and the best of those not in the history.
class Asking {
 public:
  Asking(std::span<const std::unique_ptr<Model>> models, std::span<const uint32_t> counts)
      : models_(models),
        counts_(counts),
        items_(counts.size()),
        scores_(models.size(), std::vector<float>(counts.size())) {}

  // Fills in the user, unscaled, and adds each part's sum of squares and number of items.
  BlendUser look(const Asked& asked, std::span<double> squares, std::span<double> counts) {
    const Query query{{}, asked.history, {}, asked.profile ? &*asked.profile : nullptr};
    std::vector<uint64_t> blocked((items_ + 63) / 64, 0);
    for (const HistoryEntry& past : asked.history) {
      blocked[past.item.value / 64] |= uint64_t{1} << past.item.value % 64;
    }
    const std::vector<uint64_t> none(blocked.size(), 0);
    BlendUser out;
    for (size_t part = 0; part < models_.size(); ++part) {
      models_[part]->score_all(query, scores_[part], scratch_);
      for (size_t i = 0; i < items_; ++i) {
        if (scores_[part][i] == kUnknownScore) continue;
        squares[part] += double{scores_[part][i]} * scores_[part][i];
        ++counts[part];
      }
      const TopKRequest request{query, {blocked}, kCandidates};
      for (const Scored& best : best_of(scores_[part], none, request)) {
        if (best.score != kUnknownScore) out.items.push_back(best.item.value);
      }
    }
    std::ranges::sort(out.items);
    const auto again = std::ranges::unique(out.items);
    out.items.erase(again.begin(), again.end());
    for (const uint32_t item : out.items) {
      // What a part does not know it says nothing of, as in serving.
      for (const auto& scores : scores_) {
        out.scores.push_back(scores[item] == kUnknownScore ? 0.0F : scores[item]);
      }
      out.item_events.push_back(static_cast<float>(counts_[item]));
      out.relevant.push_back(std::ranges::binary_search(asked.relevant, item));
    }
    out.relevant_count = asked.relevant.size();
    out.events = liked_events(asked.history);
    return out;
  }

 private:
  std::span<const std::unique_ptr<Model>> models_;
  std::span<const uint32_t> counts_;  // interactions an item, in the slice
  size_t items_;
  std::vector<std::vector<float>> scores_;
  Scratch scratch_;
};

}  // namespace

Result<Looked> look_at(const Slices& slices, std::span<const std::unique_ptr<Model>> models,
                       const TrainJob& job) {
  constexpr size_t kBlockUsers = 16;
  auto asked = ask(slices, static_cast<size_t>(job.configs->blend.validation_users));
  for (Asked& one : asked) {
    if (job.profile_of) one.profile = job.profile_of(slices.fit.dataset().user_id(one.user));
  }
  const auto item_counts = entries_by_column(preference_matrix(slices.fit));
  const size_t parts = models.size(), blocks = (asked.size() + kBlockUsers - 1) / kBlockUsers;
  std::vector<double> squares(blocks * parts, 0.0), counts(blocks * parts, 0.0);
  Looked out{std::vector<BlendUser>(asked.size()), std::vector<double>(parts, 1.0)};
  std::vector<Asking> workers(job.pool->size(), Asking(models, item_counts));
  const auto look = [&](size_t block, size_t worker) {
    const std::span own(squares.data() + block * parts, parts);
    const std::span own_counts(counts.data() + block * parts, parts);
    const size_t last = std::min((block + 1) * kBlockUsers, asked.size());
    for (size_t i = block * kBlockUsers; i < last; ++i) {
      out.users[i] = workers[worker].look(asked[i], own, own_counts);
    }
  };
  TRY(job.pool->for_blocks(blocks, look, job.stop));
  for (size_t part = 0; part < parts; ++part) {
    double square = 0, count = 0;
    for (size_t block = 0; block < blocks; ++block) {
      square += squares[block * parts + part];
      count += counts[block * parts + part];
    }
    if (square > 0) out.scale[part] = std::sqrt(count / square);
  }
  std::erase_if(out.users, [](const BlendUser& user) { return user.relevant_count == 0; });
  for (BlendUser& user : out.users) {
    for (size_t i = 0; i < user.scores.size(); ++i) {
      user.scores[i] *= static_cast<float>(out.scale[i % parts]);
    }
  }
  return out;
}

Result<BlendRatings> predict_held_out(const Slices& slices,
                                      std::span<const std::unique_ptr<Model>> models,
                                      const TrainJob& job) {
  const Dataset& data = slices.fit.dataset();
  BlendRatings out;
  std::vector<HistoryEntry> scratch, more_scratch;
  std::vector<ItemIx> items;
  std::vector<float> predicted;
  Scratch model_scratch;
  for (uint32_t user = 0; user < data.users(); ++user) {
    if (user % 256 == 0) TRY(check_stop(job.stop));
    const Query query{{}, slices.fit.of({user}, scratch), {}};
    items.clear();
    for (const HistoryEntry& row : slices.held_out.of({user}, more_scratch)) {
      if (!data.is_rating(row) || query.history.empty()) continue;
      items.push_back(row.item);
      out.rated.push_back(row.value);
    }
    predicted.resize(items.size());
    const size_t first = out.predicted.size();
    out.predicted.resize(first + items.size() * models.size());
    for (size_t part = 0; part < models.size(); ++part) {
      models[part]->score(query, items, predicted, model_scratch);
      const ModelInfo& info = models[part]->info();
      for (size_t i = 0; i < items.size(); ++i) {
        // What the slice has not seen stays in range.
        out.predicted[first + i * models.size() + part] =
            std::clamp(predicted[i], info.score_min, info.score_max);
      }
    }
  }
  return out;
}

}  // namespace palate
