// What a score is made of, in words: latent factors have no names, but items have categories and
// tags, and each of them is a direction in which items that have it lie,
//
//   v_i = m + Σ d_w over the words of i + r_i,
//
// the ridge regression of item vectors on words: d minimizes Σ ‖r_i‖² + λ Σ ‖d_w‖². A user's score
// u·v_i is then exactly u·m (what everybody likes of it) + Σ u·d_w (of each word) + u·r_i (of the
// item itself).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "events/event.h"
#include "features/catalogue.h"
#include "models/model.h"

namespace palate {

struct Taste {
  struct Part {
    std::string of;  // "category", "tag"
    std::string word;
    float score = 0;
  };
  float score = 0;          // of the model; the sum of all that follows
  float common = 0;         // whatever the item
  std::vector<Part> words;  // strongest first
  float rest = 0;           // of the item itself
};

class TasteWords {
 public:
  // Looks at every item, or evenly at this many of them; words of fewer than kItemsMin of these say
  // nothing that could be told from the items themselves, and are left out.
  static constexpr size_t kItemsMax = 50'000, kItemsMin = 5, kWordsMax = 5'000;
  // Of a model that has vectors; empty without any, or without words.
  static TasteWords fit(const Model& model, const Catalogue& catalogue);

  // `user`: the user's vector. Nothing for an item that the model does not know.
  [[nodiscard]] std::optional<Taste> taste(const Model& model, std::span<const float> user,
                                           const ItemRecord& item, ItemIx ix) const;
  [[nodiscard]] bool empty() const { return words_.empty(); }

 private:
  struct Sample;
  [[nodiscard]] std::span<float> direction(uint32_t word) {
    return std::span(directions_).subspan(word * dim_, dim_);
  }
  [[nodiscard]] std::span<const float> direction(uint32_t word) const {
    return std::span(directions_).subspan(word * dim_, dim_);
  }
  void solve(Sample& sample);

  size_t dim_ = 0;
  std::vector<float> mean_;
  std::unordered_map<std::string, uint32_t> words_;  // "category\0fantasy" to its place
  std::vector<float> directions_;                    // a row of dim_ a word
};

}  // namespace palate
