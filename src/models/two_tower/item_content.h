// What is said of an item, as ids of hashed tables (Weinberger et al., "Feature hashing for large
// scale multitask learning", ICML 2009), the same in training and for an item that came later.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "features/catalogue.h"
#include "models/two_tower/two_tower.h"

namespace palate {

// Rows 1 … rows − 1; what is hashed to one row shares it.
struct ItemContent {
  std::vector<uint32_t> terms;  // tags, categories, creator, languages, regions: each once
  // A list a text, titles before descriptions: its words' subwords (models/words.h).
  std::vector<std::vector<uint32_t>> texts;
  [[nodiscard]] bool empty() const { return terms.empty() && texts.empty(); }
};
ItemContent content_of(const ItemRecord& record, const TwoTowerConfig& config);

// Another number where content_of() or append_vector() may say something else.
uint64_t said_of(const ItemRecord& record, const TwoTowerConfig& config);

// Its embedding config.vector, of `width` finite numbers; else `width` NaN, which say that there is
// none. Appended to `out`. True: there is one.
bool append_vector(const ItemRecord& record, const TwoTowerConfig& config, size_t width,
                   std::vector<float>& out);

}  // namespace palate
