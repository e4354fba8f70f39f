#include "models/content/train.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/stop.h"
#include "math/rows.h"
#include "math/table.h"
#include "models/train_item_weights.h"

namespace palate {
namespace {

// One embedding an item, of length 1 or zeros, padded.
struct Embeddings {
  FloatTable rows;
  size_t dim = 0;
};

Result<Embeddings> embeddings(const Catalogue& catalogue, size_t items, const std::string& name) {
  Embeddings out;
  size_t length = 0;
  const auto view = catalogue.view();
  for (uint32_t item = 0; item < std::min(items, view.size()); ++item) {
    const ItemRecord& record = view.record({item});
    const auto at = record.vectors.find(name);
    if (at == record.vectors.end()) continue;
    if (length == 0) {
      length = at->second.size();
      out.dim = padded(length);
      out.rows.assign(items * out.dim, 0.0F);
    }
    if (at->second.size() != length || length == 0) {
      return fail(Code::kInvalidArgument,
                  "content.vector: '{}' of item '{}' has {} numbers, of others {}", name, record.id,
                  at->second.size(), length);
    }
    float* row = out.rows.data() + item * out.dim;
    std::ranges::copy(at->second, row);
    const float square = dot(row, row, out.dim);
    if (!(square > 0) || !std::isfinite(square)) continue;
    for (size_t d = 0; d < length; ++d) row[d] /= std::sqrt(square);
  }
  if (out.dim > 0) return out;
  return fail(Code::kInvalidArgument, "content.vector: no item has an embedding '{}'", name);
}

std::vector<uint32_t> known_items(const SparseMatrix& terms, const Embeddings& vectors) {
  auto known = entries_by_column(terms);
  for (size_t item = 0; vectors.dim > 0 && item < known.size(); ++item) {
    const float* row = vectors.rows.data() + item * vectors.dim;
    if (std::any_of(row, row + vectors.dim, [](float x) { return x != 0; })) ++known[item];
  }
  return known;
}

void add_table(std::string_view name, FloatTable table, size_t dim, ArtefactWriter& out) {
  auto kept = std::make_shared<FloatTable>(std::move(table));
  out.add<float>(std::string(name), {kept->size() / dim, dim}, std::span<const float>(*kept));
  out.keep(std::move(kept));
}

// (1 + interactions)^power of each item.
std::vector<float> popularity(const TrainJob& job, double power) {
  std::vector<uint32_t> counts = entries_by_column(preference_matrix(*job.data));
  for (uint32_t& count : counts) ++count;
  return powers_of(counts, power);
}

}  // namespace

Result<SparseMatrix> content_fit(SparseMatrix terms, const ContentConfig& config,
                                 const Workers& workers) {
  return nearest_items(Cooccurrence(std::move(terms)),
                       {.neighbours = static_cast<size_t>(config.neighbours),
                        .contrast = static_cast<float>(config.contrast)},
                       workers);
}

Status train_content(const TrainJob& job, ArtefactWriter& out) {
  const ContentConfig& config = job.configs->content;
  const size_t items = job.data->items();
  TRY(check_stop(job.stop));
  if (job.catalogue == nullptr) {
    return fail(Code::kInvalidArgument, "nothing is known of items; import some with --items");
  }
  SparseMatrix terms = item_terms(*job.catalogue, items, config);
  Embeddings vectors;
  if (!config.vector.empty()) {
    vectors = TRY(embeddings(*job.catalogue, items, config.vector));
  }
  auto known = known_items(terms, vectors);
  const auto described = std::ranges::count_if(known, [](uint32_t n) { return n > 0; });
  if (described == 0) {
    return fail(Code::kInvalidArgument,
                "no item has a title, tag, category or creator in common with another one; import "
                "items that say what they are (`palate import --items`)");
  }
  out.manifest.metrics_json =
      nlohmann::json{{"items_described", described}, {"terms", terms.rows}}.dump();
  SparseMatrix weights = TRY(content_fit(std::move(terms), config, {job.pool, job.stop}));
  const auto scale = popularity(job, config.popularity_power);
  for (size_t i = 0; i < weights.index.size(); ++i) weights.value[i] *= scale[weights.index[i]];
  out.add<uint32_t>("item_count", {items}, std::move(known));
  add_item_weights(std::move(weights), out);
  if (vectors.dim == 0) return {};
  FloatTable past = vectors.rows;
  for (float& value : past) value *= static_cast<float>(config.vector_weight);
  for (size_t i = 0; i < vectors.rows.size(); ++i) vectors.rows[i] *= scale[i / vectors.dim];
  add_table("past", std::move(past), vectors.dim, out);
  add_table("target", std::move(vectors.rows), vectors.dim, out);
  return {};
}

uint64_t content_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs) {
  constexpr uint64_t kTermsAnItem = 64, kTermBytes = 48;
  const auto neighbours = static_cast<uint64_t>(std::max(1, configs.content.neighbours));
  return weights_memory_bytes(sizes.items * std::min<uint64_t>(sizes.items, neighbours)) +
         sizes.items * kTermsAnItem * kTermBytes + matrix_memory_bytes(sizes);
}

}  // namespace palate
