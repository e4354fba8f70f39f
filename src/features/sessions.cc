#include "features/sessions.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <tuple>

namespace palate {
namespace {

constexpr size_t kNewestLikes = 10, kOlderLikesMin = 20;

using CategoryWeights = std::map<uint32_t, double>;

double dot(const CategoryWeights& a, const CategoryWeights& b) {
  double sum = 0;
  for (const auto& [category, weight] : a) {
    const auto there = b.find(category);
    if (there != b.end()) sum += weight * there->second;
  }
  return sum;
}

}  // namespace

std::vector<HistoryEntry> by_time(std::span<const HistoryEntry> history, TimeUs now) {
  std::vector<HistoryEntry> events(history.begin(), history.end());
  for (HistoryEntry& event : events) event.ts = std::min(event.ts, now);
  // Without times the order of the log is all there is.
  const auto key = [](const HistoryEntry& e) {
    return std::tuple(e.ts, e.ts.us <= 0 ? e.offset : 0, e.item, e.type, e.preference,
                      std::bit_cast<uint32_t>(e.value));
  };
  const auto before = [&](const HistoryEntry& a, const HistoryEntry& b) { return key(a) < key(b); };
  // Mostly they came in order, and a stable sort of what is sorted is one pass.
  if (!std::ranges::is_sorted(events, before)) std::ranges::stable_sort(events, before);
  return events;
}

Sessions cut_sessions(std::span<const HistoryEntry> events, TimeUs now) {
  Sessions sessions;
  size_t begin = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    if (i > 0 && events[i].ts.us - events[i - 1].ts.us <= kSessionGapUs) continue;
    ++sessions.count;
    begin = i;
  }
  if (events.empty() || now.us - events.back().ts.us > kSessionGapUs) return sessions;
  sessions.events = events.size() - begin;
  sessions.length_us = events.back().ts.us - events[begin].ts.us;
  for (const HistoryEntry& event : events.subspan(begin)) {
    if (std::isfinite(event.value) && event.value > 0) sessions.dwell_s += event.value;
  }
  return sessions;
}

void Tastes::Weights::add(uint32_t number, double weight) {
  if (number >= of.size()) of.resize(number + 1);
  if (of[number] == 0) used.push_back(number);
  of[number] += weight;
}

void Tastes::Weights::clear() {
  for (const uint32_t number : used) of[number] = 0;
  used.clear();
  sum = 0;
}

void Tastes::set(std::span<const HistoryEntry> events, const Catalogue::View& items, TimeUs now) {
  categories_.clear();
  creators_.clear();
  for (const HistoryEntry& event : events) {
    if (event.preference <= 0) continue;
    const double age = std::max(static_cast<double>(now.us - event.ts.us), 0.0);
    const double weight = event.preference * std::exp2(-age / static_cast<double>(kHalfLifeUs));
    const ItemTraits traits = items.traits(event.item);
    for (const uint32_t category : traits.categories) categories_.add(category, weight);
    if (!traits.categories.empty()) categories_.sum += weight;
    if (traits.creator == ItemTraits::kNone) continue;
    creators_.add(traits.creator, weight);
    creators_.sum += weight;
  }
}

float Tastes::categories(const ItemTraits& traits) const {
  double most = 0;
  for (const uint32_t category : traits.categories) {
    if (category < categories_.of.size()) most = std::max(most, categories_.of[category]);
  }
  return categories_.sum > 0 ? static_cast<float>(most / categories_.sum) : 0;
}

float Tastes::creator(const ItemTraits& traits) const {
  if (traits.creator >= creators_.of.size() || !(creators_.sum > 0)) return 0;
  return static_cast<float>(creators_.of[traits.creator] / creators_.sum);
}

double Tastes::entropy_bits() const {
  double total = 0, bits = 0;
  std::vector<double> weights;
  for (const uint32_t number : categories_.used) weights.push_back(categories_.of[number]);
  std::ranges::sort(weights);  // a fixed order of additions
  for (const double weight : weights) total += weight;
  for (const double weight : weights) {
    if (weight > 0) bits -= weight / total * std::log2(weight / total);
  }
  return bits;
}

double taste_jump(std::span<const HistoryEntry> events, const Catalogue::View& items) {
  std::vector<const HistoryEntry*> likes;
  for (const HistoryEntry& event : events) {
    if (event.preference > 0) likes.push_back(&event);
  }
  if (likes.size() < kNewestLikes + kOlderLikesMin) return 0;
  CategoryWeights newest, older;
  for (size_t i = 0; i < likes.size(); ++i) {
    CategoryWeights& weights = i + kNewestLikes < likes.size() ? older : newest;
    for (const uint32_t c : items.traits(likes[i]->item).categories) weights[c] += 1;
  }
  const double lengths = std::sqrt(dot(newest, newest) * dot(older, older));
  return lengths > 0 ? 1 - dot(newest, older) / lengths : 0;
}

}  // namespace palate
