// The inner loops of Trees: rows into columns, and the leaves of 32 rows at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace palate {

inline constexpr size_t kTreeRows = 32;    // looked at side by side
inline constexpr size_t kWordLeaves = 32;  // of a tree, in one word of bits

// How a column is made of a feature, so that one comparison decides: what a split would send left
// by default becomes -infinity, what it would send right NaN. kCategory holds 32 bits, all set
// where there is no category.
enum class TreeColumnKind : uint8_t {
  kNumber,
  kZeroLeft,
  kZeroRight,
  kNanLeft,
  kNanRight,
  kCategory
};
struct TreeColumn {
  uint32_t feature = 0;
  TreeColumnKind kind = TreeColumnKind::kNumber;
};

// Leaves of a word that stay where a row does not go left.
struct NumberSplit {
  uint32_t column = 0;
  float threshold = 0;  // left where x <= threshold
  uint32_t stay = 0;
};
struct CategorySplit {
  uint32_t column = 0;
  uint32_t first_word = 0, words = 0;  // left where the bit is set; word `words` is 0
  uint32_t stay = 0;
};

// 32 leaves of a tree in a row; a tree's words come last leaves first.
struct TreeWord {
  std::span<const NumberSplit> numbers;
  std::span<const CategorySplit> categories;
  const double* leaves = nullptr;
  bool last = false;  // of its tree
};

// The numbers of up to kTreeRows rows: `width` apart, from `data`.
struct RowGroup {
  const float* data = nullptr;
  size_t rows = 0, width = 0;
};

// columns[c][r], kTreeRows apart. What is behind the last row stays as it was.
void fill_columns(std::span<const TreeColumn> columns, const RowGroup& group, float* out);

// Adds to each of kTreeRows sums the row's leaf in every tree, in their order.
void add_leaves(std::span<const TreeWord> words, const uint32_t* bits, const float* columns,
                double* sums);

}  // namespace palate
