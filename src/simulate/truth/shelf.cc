#include "simulate/truth/shelf.h"

#include <algorithm>
#include <cmath>

#include "simulate/words.h"

namespace palate {
namespace {

constexpr int kTriesMax = 64;
constexpr double kNewnessDays = 7;

bool shown_in(const ItemNature& item, uint8_t region) { return (item.regions >> region & 1) != 0; }

}  // namespace

SlateFor slate_for(const UserNature& nature, const PersonTastes& tastes, bool randomized) {
  SlateFor whom{.categories = {}, .region = nature.region, .randomized = randomized};
  const size_t categories = category_words().size();
  for (size_t c = 0; c < categories; ++c) whom.categories[c] = 0.5 / double(categories);
  for (size_t k = 0; k < kMoods; ++k) whom.categories[tastes.topics[k]] += 0.5 * kMoodShares[k];
  return whom;
}

WorldShelf::WorldShelf(const SimulateConfig& config, const ItemCatalogue& items, double day)
    : catalogue_(items), categories_(category_words().size()) {
  const auto& natures = items.natures();
  for (size_t c = 0; c < categories_.size(); ++c) {
    Category& category = categories_[c];
    category.begin = items_.size();
    for (size_t i = c; i < natures.size(); i += categories_.size()) {
      const ItemNature& item = natures[i];
      if (item.released_day > day) continue;
      double weight = std::exp(config.popularity_spread * item.popularity);
      if (item.released_day > 0)
        weight *= 1 + 2 * std::exp(-(day - item.released_day) / kNewnessDays);
      weight *= 1 + 10 * items.buzz(static_cast<uint32_t>(i), day);
      items_.push_back(static_cast<uint32_t>(i));
      cumulative_.push_back(category.weight += weight);
      for (uint8_t r = 0; r < std::size(kRegions); ++r) {
        if (!shown_in(item, r)) continue;
        category.available[r] += weight;
        ++available_[r];
      }
    }
    category.end = items_.size();
  }
}

double WorldShelf::category_share(const SlateFor& whom, size_t category) const {
  double all = 0;
  for (size_t c = 0; c < categories_.size(); ++c) {
    if (categories_[c].weight > 0) all += whom.categories[c];
  }
  return categories_[category].weight > 0 ? whom.categories[category] / all : 0;
}

uint32_t WorldShelf::draw_one(Philox& random, const SlateFor& whom) const {
  const double a = random.uniform();
  if (whom.randomized) return items_[static_cast<size_t>(a * static_cast<double>(items_.size()))];
  double all = 0;
  for (size_t c = 0; c < categories_.size(); ++c) {
    if (categories_[c].weight > 0) all += whom.categories[c];
  }
  double left = a * all;
  const Category* chosen = nullptr;
  for (size_t c = 0; c < categories_.size(); ++c) {
    if (categories_[c].weight <= 0) continue;
    chosen = &categories_[c];
    left -= whom.categories[c];
    if (left < 0) break;
  }
  const double wanted = random.uniform() * chosen->weight;
  const auto begin = cumulative_.begin() + static_cast<int64_t>(chosen->begin);
  const auto end = cumulative_.begin() + static_cast<int64_t>(chosen->end);
  const auto found = std::min(std::upper_bound(begin, end, wanted), end - 1);
  return items_[static_cast<size_t>(found - cumulative_.begin())];
}

void WorldShelf::draw(Philox& random, const SlateFor& whom, size_t slots,
                      std::vector<uint32_t>& slate) const {
  slate.clear();
  if (items_.empty()) return;
  slots = std::min(slots, available_[whom.region]);
  for (int tries = 0; slate.size() < slots && tries < kTriesMax;) {
    const uint32_t item = draw_one(random, whom);
    if (shown_in(catalogue_.natures()[item], whom.region) &&
        std::ranges::find(slate, item) == slate.end()) {
      slate.push_back(item);
      tries = 0;
    } else {
      ++tries;
    }
  }
}

// Of one draw from everything that may be shown.
double WorldShelf::probability(const SlateFor& whom, uint32_t item) const {
  const ItemNature& nature = catalogue_.natures()[item];
  const Category& category = categories_[nature.category];
  const auto begin = items_.begin() + static_cast<int64_t>(category.begin);
  const auto end = items_.begin() + static_cast<int64_t>(category.end);
  const auto found = std::lower_bound(begin, end, item);
  if (found == end || *found != item || !shown_in(nature, whom.region)) return 0;
  if (whom.randomized) return 1 / static_cast<double>(available_[whom.region]);
  const auto at = static_cast<size_t>(found - items_.begin());
  const double weight = cumulative_[at] - (at == category.begin ? 0 : cumulative_[at - 1]);
  double shown = 0;
  for (size_t c = 0; c < categories_.size(); ++c) {
    if (categories_[c].weight <= 0) continue;
    shown +=
        category_share(whom, c) * categories_[c].available[whom.region] / categories_[c].weight;
  }
  return category_share(whom, nature.category) * weight / category.weight / shown;
}

std::vector<double> WorldShelf::propensities(const SlateFor& whom,
                                             std::span<const uint32_t> slate) const {
  std::vector<double> out;
  double before = 0;
  for (const uint32_t item : slate) {
    const double alone = probability(whom, item);
    out.push_back(alone / (1 - before));
    before += alone;
  }
  return out;
}

std::vector<uint32_t> WorldShelf::popular(Philox& random, size_t count) const {
  std::vector<uint32_t> out;
  if (items_.empty()) return out;
  SlateFor anybody;
  anybody.categories.fill(1 / double(categories_.size()));
  for (size_t i = 0; i < count; ++i) out.push_back(draw_one(random, anybody));
  return out;
}

}  // namespace palate
