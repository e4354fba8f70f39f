#include "models/two_tower/item_vectors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "math/rows.h"
#include "models/two_tower/towers.h"

namespace palate {
namespace {

constexpr size_t kItemsAtOnce = 1024;
constexpr float kLengthMin = 1e-6F;  // as learn/tower_trainer.cc

size_t width_of(const Network& network) {
  const NetworkSpec& spec = network.spec();
  return spec.ops[spec.outputs[0].value].width;
}

// A part of a list of lists, with offsets from 0.
struct Part {
  std::span<const uint32_t> ids;
  std::vector<uint32_t> offsets;
  Part(std::span<const uint32_t> all, std::span<const uint64_t> start, size_t first, size_t end)
      : ids(all.subspan(start[first], start[end] - start[first])) {
    for (size_t i = first; i <= end; ++i) {
      offsets.push_back(static_cast<uint32_t>(start[i] - start[first]));
    }
  }
};

thread_local NetworkScratch scratch;

}  // namespace

void TowerItems::add(uint32_t row, const ItemContent& content) {
  rows.push_back(row);
  terms.insert(terms.end(), content.terms.begin(), content.terms.end());
  terms_start.push_back(terms.size());
  for (const auto& text : content.texts) subwords.insert(subwords.end(), text.begin(), text.end());
  subwords_start.push_back(subwords.size());
}

void scale_to_one(std::span<float> vector) {
  float square = 0;
  for (const float x : vector) square += x * x;
  const float length = std::max(std::sqrt(square), kLengthMin);
  for (float& x : vector) x /= length;
}

Result<std::vector<float>> tower_vectors(const Network& network, const TowerItems& items,
                                         const TwoTowerConfig& config) {
  const size_t width = width_of(network), count = items.size();
  const size_t given = count == 0 ? 0 : items.vectors.size() / count;
  std::vector<float> out(count * width), users(kItemsAtOnce * width);
  const std::vector<float> no_history(width, 0.0F);
  const std::array<uint32_t, 2> nobody{0, 0};
  for (size_t first = 0; first < count; first += kItemsAtOnce) {
    const size_t end = std::min(count, first + kItemsAtOnce), rows = end - first;
    const Part terms(items.terms, items.terms_start, first, end);
    const Part subwords(items.subwords, items.subwords_start, first, end);
    const std::array<SparseValues, 4> sparse{
        SparseValues{{}, nobody}, SparseValues{std::span(items.rows).subspan(first, rows), {}},
        SparseValues{terms.ids, terms.offsets}, SparseValues{subwords.ids, subwords.offsets}};
    const std::array<std::span<const float>, 2> dense{
        no_history, std::span(items.vectors).subspan(first * given, rows * given)};
    const std::array<std::span<float>, 2> outputs{
        std::span(users).first(rows * width), std::span(out).subspan(first * width, rows * width)};
    TRY(network.score({rows, sparse, std::span(dense).first(given > 0 ? 2 : 1)}, outputs, scratch));
  }
  for (size_t item = 0; config.normalize && item < count; ++item) {
    scale_to_one(std::span(out).subspan(item * width, width));
  }
  return out;
}

Status tower_user(const Network& network, const TowerUser& user, const TwoTowerConfig& config,
                  std::span<float> out) {
  const size_t width = width_of(network);
  static thread_local std::vector<float> item, vector;
  item.resize(width);
  const bool given = network.spec().dense.size() > 1;
  vector.assign(given ? network.spec().dense[1].width : 0, std::numeric_limits<float>::quiet_NaN());
  const std::array<uint32_t, 2> none{0, 0}, all{0, static_cast<uint32_t>(user.profile.size())};
  const std::array<uint32_t, 1> no_item{0};
  const std::array<SparseValues, 4> sparse{SparseValues{user.profile, all},
                                           SparseValues{no_item, {}}, SparseValues{{}, none},
                                           SparseValues{{}, none}};
  const std::array<std::span<const float>, 2> dense{user.history, vector};
  const std::array<std::span<float>, 2> outputs{out, item};
  TRY(network.score({1, sparse, std::span(dense).first(given ? 2 : 1)}, outputs, scratch));
  if (config.normalize) scale_to_one(out);
  return {};
}

}  // namespace palate
