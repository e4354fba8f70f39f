// What two towers learn from: who liked which items in which order, and what is said of users and
// items as ids and numbers. Made by a model's trainer, learnt from by palate-train.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "artefact/artefact.h"
#include "base/result.h"

namespace palate {

// Lists of ids one after the other: list i is ids[start[i] … start[i + 1]).
struct IdLists {
  std::vector<uint64_t> start{0};
  std::vector<uint32_t> ids;
  [[nodiscard]] size_t size() const { return start.size() - 1; }
  [[nodiscard]] std::span<const uint32_t> of(size_t list) const { return of(list, list + 1); }
  // Of lists [first, last), one after the other.
  [[nodiscard]] std::span<const uint32_t> of(size_t first, size_t last) const {
    return std::span(ids).subspan(start[first], start[last] - start[first]);
  }
  void add(std::span<const uint32_t> list) {
    ids.insert(ids.end(), list.begin(), list.end());
    start.push_back(ids.size());
  }
};

struct TowerExamples {
  IdLists liked;     // by user: items, each once, the one liked last at the end
  IdLists profiles;  // by user: rows of the table of profiles, none of them 0
  IdLists terms;     // by item: rows of the table of terms (tags, categories, creators), none 0
  // Texts one after the other, those of item i being texts text_start[i] … text_start[i + 1]: rows
  // of the table of subwords, none 0.
  IdLists texts;
  std::vector<uint64_t> text_start{0};
  // [items × width] of an embedding that items were given; NaN where one has none. Empty: no item.
  std::vector<float> vectors;
  size_t vector_width = 0;

  [[nodiscard]] size_t users() const { return liked.size(); }
  [[nodiscard]] size_t items() const { return terms.size(); }
  [[nodiscard]] std::span<const uint32_t> words(size_t item) const {
    return texts.of(text_start[item], text_start[item + 1]);
  }
};

// Rows of the tables that the ids of examples belong to.
struct TowerRows {
  size_t profiles = 1, terms = 1, subwords = 1;
};

// Adds them as tensors; `examples` must live until the artefact is committed.
void write_tower_examples(const TowerExamples& examples, ArtefactWriter& out);
// Errors: kCorrupt with the tensor that does not fit the others, or has ids beyond `rows`.
Result<TowerExamples> read_tower_examples(const Artefact& artefact, const TowerRows& rows);

}  // namespace palate
