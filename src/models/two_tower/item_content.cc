#include "models/two_tower/item_content.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/hash.h"
#include "models/words.h"

namespace palate {
namespace {

constexpr size_t kTextIdsMax = 1024;  // of one text: the beginning says what it is about

uint32_t row_of(std::string_view text, int rows) {
  return 1 + static_cast<uint32_t>(hash64(text) % static_cast<uint64_t>(rows - 1));
}

std::vector<uint32_t> subword_rows(std::string_view text, int rows) {
  std::vector<uint32_t> out;
  for (const std::string& word : words_of(text)) {
    for (const std::string& part : subwords_of(word)) {
      if (out.size() == kTextIdsMax) return out;
      out.push_back(row_of(part, rows));
    }
  }
  return out;
}

}  // namespace

ItemContent content_of(const ItemRecord& record, const TwoTowerConfig& config) {
  ItemContent out;
  const auto add = [&](char kind, std::string_view text) {
    if (text.empty()) return;
    out.terms.push_back(row_of(kind + lower_text(text), config.term_rows));
  };
  for (const std::string& tag : record.tags) add('t', tag);
  for (const std::string& category : record.categories) add('c', category);
  for (const std::string& language : record.languages) add('l', language);
  for (const std::string& region : record.regions) add('r', region);
  add('b', record.creator);
  std::ranges::sort(out.terms);
  const auto again = std::ranges::unique(out.terms);
  out.terms.erase(again.begin(), again.end());
  for (const auto* texts : {&record.titles, &record.descriptions}) {
    for (const auto& [language, text] : *texts) {
      auto ids = subword_rows(text, config.subword_rows);
      if (!ids.empty()) out.texts.push_back(std::move(ids));
    }
  }
  return out;
}

uint64_t said_of(const ItemRecord& record, const TwoTowerConfig& config) {
  uint64_t said = hash64(record.creator);
  const auto add = [&](std::string_view text) { said = hash64(text, said); };
  for (const auto* list : {&record.tags, &record.categories, &record.languages, &record.regions}) {
    add(std::to_string(list->size()));
    for (const std::string& one : *list) add(one);
  }
  for (const auto* texts : {&record.titles, &record.descriptions}) {
    add(std::to_string(texts->size()));
    for (const auto& [language, text] : *texts) {
      add(language);
      add(text);
    }
  }
  const auto vector = record.vectors.find(config.vector);
  if (vector == record.vectors.end()) return said;
  const std::span<const std::byte> bytes = std::as_bytes(std::span(vector->second));
  return hash64({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, said + 1);
}

bool append_vector(const ItemRecord& record, const TwoTowerConfig& config, size_t width,
                   std::vector<float>& out) {
  const auto at = record.vectors.find(config.vector);
  const bool fits = at != record.vectors.end() && at->second.size() == width &&
                    std::ranges::all_of(at->second, [](float x) { return std::isfinite(x); });
  if (fits) {
    out.insert(out.end(), at->second.begin(), at->second.end());
  } else {
    out.insert(out.end(), width, std::numeric_limits<float>::quiet_NaN());
  }
  return fits && width > 0;
}

}  // namespace palate
