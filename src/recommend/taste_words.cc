#include "recommend/taste_words.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace palate {
namespace {

constexpr float kRidge = 5;     // as much as so many items without the word
constexpr size_t kPasses = 20;  // of block coordinate descent

std::string key_of(std::string_view of, std::string_view word) {
  std::string key(of);
  key += '\0';
  key += word;
  return key;
}

template <class Visit>
void each_word(const ItemRecord& item, const Visit& visit) {
  for (const std::string& category : item.categories) visit("category", category);
  for (const std::string& tag : item.tags) visit("tag", tag);
}

double inner(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

}  // namespace

// Items with their words, and what of their vectors is not explained yet.
struct TasteWords::Sample {
  std::vector<ItemIx> items;
  std::vector<std::vector<uint32_t>> with;  // of each word, the places of its items
  std::vector<float> rest;                  // a row of dim an item
};

// Gauss-Seidel on the normal equations: each word in turn takes the mean of what is left of its
// items, shrunk.
void TasteWords::solve(Sample& sample) {
  std::vector<float> sum(dim_);
  for (size_t pass = 0; pass < kPasses; ++pass) {
    for (uint32_t word = 0; word < sample.with.size(); ++word) {
      const auto& items = sample.with[word];
      const std::span<float> own = direction(word);
      std::ranges::fill(sum, 0.0F);
      for (const uint32_t item : items) {
        const float* rest = &sample.rest[item * dim_];
        for (size_t d = 0; d < dim_; ++d) sum[d] += rest[d];
      }
      const auto count = static_cast<float>(items.size());
      for (size_t d = 0; d < dim_; ++d) {
        sum[d] = (sum[d] + count * own[d]) / (count + kRidge) - own[d];
        own[d] += sum[d];
      }
      for (const uint32_t item : items) {
        float* rest = &sample.rest[item * dim_];
        for (size_t d = 0; d < dim_; ++d) rest[d] -= sum[d];
      }
    }
  }
}

TasteWords TasteWords::fit(const Model& model, const Catalogue& catalogue) {
  TasteWords fitted;
  fitted.dim_ = model.info().dimensions;
  if (fitted.dim_ == 0) return fitted;
  Sample sample;
  std::vector<std::string> names;
  {
    const Catalogue::View view = catalogue.view();
    const size_t known = std::min(model.info().items, view.size());
    const size_t step = std::max<size_t>(1, (known + kItemsMax - 1) / kItemsMax);
    std::vector<float> vector(fitted.dim_);
    for (size_t i = 0; i < known; i += step) {
      const ItemIx item{static_cast<uint32_t>(i)};
      if (!model.item_vector(item, vector)) continue;
      const auto place = static_cast<uint32_t>(sample.items.size());
      sample.items.push_back(item);
      sample.rest.insert(sample.rest.end(), vector.begin(), vector.end());
      each_word(view.record(item), [&](std::string_view of, std::string_view word) {
        if (fitted.words_.size() == kWordsMax && !fitted.words_.contains(key_of(of, word))) return;
        const auto next = static_cast<uint32_t>(names.size());
        const auto [known_word, is_new] = fitted.words_.try_emplace(key_of(of, word), next);
        if (is_new) {
          names.push_back(known_word->first);
          sample.with.emplace_back();
        }
        auto& with = sample.with[known_word->second];
        if (with.empty() || with.back() != place) with.push_back(place);
      });
    }
  }
  // Of too few items: nothing, so that their direction stays zero and is not named.
  for (size_t word = 0; word < names.size(); ++word) {
    if (sample.with[word].size() >= kItemsMin) continue;
    fitted.words_.erase(names[word]);
    sample.with[word].clear();
  }
  fitted.mean_.assign(fitted.dim_, 0);
  const auto count = static_cast<float>(std::max<size_t>(sample.items.size(), 1));
  for (size_t i = 0; i < sample.rest.size(); ++i) {
    fitted.mean_[i % fitted.dim_] += sample.rest[i] / count;
  }
  for (size_t i = 0; i < sample.rest.size(); ++i) sample.rest[i] -= fitted.mean_[i % fitted.dim_];
  fitted.directions_.assign(sample.with.size() * fitted.dim_, 0);
  fitted.solve(sample);
  return fitted;
}

std::optional<Taste> TasteWords::taste(const Model& model, std::span<const float> user,
                                       const ItemRecord& item, ItemIx ix) const {
  std::vector<float> vector(dim_);
  if (words_.empty() || user.size() != dim_ || !model.item_vector(ix, vector)) return std::nullopt;
  Taste taste;
  const double score = inner(user, vector), common = inner(user, mean_);
  double rest = score - common;
  each_word(item, [&](std::string_view of, std::string_view word) {
    const auto found = words_.find(key_of(of, word));
    const auto same = [&](const Taste::Part& part) { return part.of == of && part.word == word; };
    if (found == words_.end() || std::ranges::any_of(taste.words, same)) return;
    const double part = inner(user, direction(found->second));
    rest -= part;
    taste.words.push_back({std::string(of), std::string(word), static_cast<float>(part)});
  });
  std::ranges::stable_sort(taste.words, std::greater{},
                           [](const Taste::Part& part) { return std::abs(part.score); });
  taste.score = static_cast<float>(score);
  taste.common = static_cast<float>(common);
  taste.rest = static_cast<float>(rest);
  return taste;
}

}  // namespace palate
