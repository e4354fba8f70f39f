#include "models/train_item_weights.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "models/train_cooccurrence.h"

namespace palate {
namespace {

constexpr uint64_t kEntryBytes = sizeof(uint32_t) + sizeof(float);

}  // namespace

void add_item_counts(const SparseMatrix& matrix, ArtefactWriter& out) {
  out.manifest.metrics_json = nlohmann::json{{"interactions", matrix.index.size()}}.dump();
  out.add<uint32_t>("item_count", {matrix.cols}, entries_by_column(matrix));
}

void add_item_weights(SparseMatrix weights, ArtefactWriter& out) {
  auto metrics = nlohmann::json::parse(out.manifest.metrics_json);
  metrics["weights"] = weights.index.size();
  out.manifest.metrics_json = metrics.dump();
  out.add<uint64_t>("start", {weights.start.size()}, std::move(weights.start));
  out.add<uint32_t>("index", {weights.index.size()}, std::move(weights.index));
  out.add<float>("value", {weights.value.size()}, std::move(weights.value));
}

uint64_t matrix_memory_bytes(const TrainSizes& sizes) {
  // While it is turned round there are three of them.
  return 3 * (sizes.interactions * kEntryBytes + (sizes.users + sizes.items) * sizeof(uint64_t));
}

uint64_t cooccurrence_memory_bytes(const TrainSizes& sizes) {
  // Of users with as many items each there are interactions² / users / 2 pairs, half of them the
  // same again in real data; of users with unequal numbers more. Twice, as blocks are joined.
  const uint64_t users = std::max<uint64_t>(1, sizes.users);
  const uint64_t pairs = sizes.interactions / users * sizes.interactions;
  const uint64_t all = uint64_t{sizes.items} * sizes.items / 2;
  return 2 * std::min(pairs, all) * kEntryBytes;
}

uint64_t weights_memory_bytes(uint64_t weights) { return 3 * weights * kEntryBytes; }

}  // namespace palate
