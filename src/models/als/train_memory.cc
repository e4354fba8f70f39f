#include "models/als/train_memory.h"

#include <algorithm>

#include "math/rows.h"

namespace palate {

uint64_t als_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs) {
  constexpr uint64_t kFloat = sizeof(float);
  // Sums of the Gram matrix that are added up; ten more are its eigenvectors and what finds them.
  constexpr uint64_t kGramBlocks = 64;
  constexpr uint64_t kEntry = sizeof(uint32_t) + sizeof(float);
  const auto factors = static_cast<uint64_t>(std::max(1, configs.als.factors));
  const uint64_t dim = padded(factors);
  const uint64_t rows = uint64_t{sizes.users} + sizes.items;
  // The matrix by user and by item; the item vectors once more, without padding, to be written, and
  // once as the artefact's file is read back for its checksum.
  const uint64_t matrix = 2 * sizes.interactions * kEntry + 2 * rows * sizeof(uint64_t);
  const uint64_t vectors = rows * dim * kFloat + 2 * sizes.items * factors * kFloat;
  const uint64_t gram = (kGramBlocks + 2 * sizes.threads + 10) * dim * dim * kFloat;
  // A checkpoint is written from one piece of memory, and read into another.
  const uint64_t checkpoint = configs.als.checkpoints.empty() ? 0 : 2 * rows * dim * kFloat;
  return matrix + vectors + gram + checkpoint;
}

}  // namespace palate
