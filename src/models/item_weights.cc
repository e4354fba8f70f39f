#include "models/item_weights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "artefact/safetensors.h"
#include "math/rows.h"
#include "math/top_k.h"
#include "models/taste_row.h"

namespace palate {
namespace {

// Rows by item of the past. Either the sparse part or `dense` is there; the weight of `past` for an
// item is what they say plus the product of two rows of the low-rank part, where there is one.
struct Weights {
  std::span<const uint64_t> start;  // items + 1
  std::span<const uint32_t> index;  // ascending within a row
  std::span<const float> value;
  RowsView dense;
  RowsView past, target;
  std::span<const uint32_t> seen;  // training interactions an item

  [[nodiscard]] bool is_dense() const { return dense.data != nullptr; }
  // Nothing but what stands in the row.
  [[nodiscard]] bool is_sparse() const { return !is_dense() && past.dim == 0; }
  [[nodiscard]] bool has_row(uint32_t item) const {
    return seen[item] > 0 && (is_dense() || past.dim > 0 || start[item] < start[item + 1]);
  }
  // Adds an item of the past to the sums of all items, and to the low-rank part's vector.
  void add_row(uint32_t item, float scale, float* sums, float* vector) const {
    if (past.dim > 0) axpy(scale, past.row(item), vector, past.dim);
    if (is_dense()) return axpy(scale, dense.row(item), sums, dense.dim);
    const uint32_t* to = index.data();
    const float* from = value.data();
    for (uint64_t i = start[item]; i < start[item + 1]; ++i) sums[to[i]] += scale * from[i];
  }
  // Adds the products with each vector (past.dim floats a query) to its sums (`width` floats a
  // query). Some rows at a time, which stay in the cache for all queries.
  void add_low_rank(std::span<const float> vectors, std::span<float> sums, size_t width) const {
    constexpr size_t kRows = 128;
    if (past.dim == 0) return;
    std::array<float, kRows> products;
    for (size_t first = 0; first < target.count; first += kRows) {
      const RowsView block{target.row(first), std::min(kRows, target.count - first), target.dim};
      for (size_t q = 0; q * past.dim < vectors.size(); ++q) {
        rows_dot(block, vectors.data() + q * past.dim, products.data());
        float* to = sums.data() + q * width + first;
        for (size_t i = 0; i < block.count; ++i) to[i] += products[i];
      }
    }
  }
  [[nodiscard]] float weight(uint32_t from, uint32_t item) const {
    const float low_rank = past.dim > 0 ? dot(past.row(from), target.row(item), past.dim) : 0.0F;
    if (is_dense()) return dense.row(from)[item] + low_rank;
    const auto first = index.begin() + static_cast<ptrdiff_t>(start[from]);
    const auto last = index.begin() + static_cast<ptrdiff_t>(start[from + 1]);
    const auto at = std::lower_bound(first, last, item);
    const bool there = at != last && *at == item;
    return low_rank + (there ? value[static_cast<size_t>(at - index.begin())] : 0.0F);
  }
};

bool stronger(const Contribution& a, const Contribution& b) {
  return a.score != b.score ? a.score > b.score : a.because_of < b.because_of;
}

class ItemWeights final : public Model {
 public:
  ItemWeights(std::shared_ptr<const Artefact> artefact, const Weights& weights,
              const ItemWeightsOptions& options)
      : artefact_(std::move(artefact)),
        weights_(weights),
        value_power_(options.value_power),
        absent_(never_seen(weights.seen)),
        width_(weights.is_dense() ? weights.dense.dim : weights.seen.size()) {
    info_ = {.kind = artefact_->manifest().kind,
             .version = artefact_->manifest().version,
             .items = weights.seen.size(),
             .dimensions = 0,
             .personalized = true,
             .cold_items = options.cold_items,
             .can_similar = true,
             .can_explain = true};
  }

  [[nodiscard]] const ModelInfo& info() const override { return info_; }

  // A history whose items speak for nothing is as good as none.
  [[nodiscard]] bool can_answer(const Query& query) const override {
    const TasteRow row = taste_row(query.history, weights_.seen);
    return std::ranges::any_of(row.index, [&](uint32_t item) { return weights_.has_row(item); });
  }

  void score(const Query& query, std::span<const ItemIx> items, std::span<float> scores,
             Scratch& scratch) const override {
    sum_up({&query, 1}, scratch);
    for (size_t i = 0; i < items.size(); ++i) {
      scores[i] = knows(items[i]) ? scratch.floats[items[i].value] : kUnknownScore;
    }
  }

  void score_all(const Query& query, std::span<float> scores, Scratch& scratch) const override {
    score_batch({&query, 1}, scores, scratch);
  }

  void score_batch(std::span<const Query> queries, std::span<float> scores,
                   Scratch& scratch) const override {
    sum_up(queries, scratch);
    for (size_t q = 0; q < queries.size(); ++q) {
      const float* sums = scratch.floats.data() + q * width_;
      float* to = scores.data() + q * info_.items;
      for (size_t i = 0; i < info_.items; ++i) {
        to[i] = weights_.seen[i] > 0 ? sums[i] : kUnknownScore;
      }
    }
  }

  std::vector<std::vector<Scored>> top_k(std::span<const TopKRequest> requests,
                                         Scratch& scratch) const override {
    constexpr size_t kBatch = 16;
    std::vector<std::vector<Scored>> out(requests.size());
    std::vector<Query> queries;
    for (size_t first = 0; first < requests.size(); first += kBatch) {
      const auto batch = requests.subspan(first, std::min(kBatch, requests.size() - first));
      queries.clear();
      for (const TopKRequest& request : batch) queries.push_back(request.query);
      const auto any = sum_up(queries, scratch);
      for (size_t q = 0; q < batch.size(); ++q) {
        if (!any[q]) continue;  // nothing personal: an empty list
        out[first + q] =
            best_of({scratch.floats.data() + q * width_, info_.items}, absent_, batch[q]);
      }
    }
    return out;
  }

  std::vector<Result<std::vector<Scored>>> similar_batch(std::span<const SimilarTo> requests,
                                                         Scratch& scratch) const override {
    std::vector<Result<std::vector<Scored>>> out;
    out.reserve(requests.size());
    for (const SimilarTo& request : requests) out.push_back(similar_to(request, scratch));
    return out;
  }
  Result<std::vector<Contribution>> explain(const Query& query, ItemIx item, size_t n,
                                            Scratch& scratch) const override;

 private:
  [[nodiscard]] bool knows(ItemIx item) const {
    return item.value < weights_.seen.size() && weights_.seen[item.value] > 0;
  }
  [[nodiscard]] Result<std::vector<Scored>> similar_to(const SimilarTo& request,
                                                       Scratch& scratch) const;
  [[nodiscard]] Error unknown(ItemIx item) const {
    return Error{Code::kNotFound, fmt::format("item {} has no training interaction in {} {}",
                                              item.value, info_.kind, info_.version)};
  }
  // Sums in scratch.floats, width_ a query; the low-rank part's vectors in more_floats.
  void begin(size_t queries, Scratch& scratch) const {
    scratch.floats.assign(queries * width_, 0.0F);
    scratch.more_floats.assign(queries * weights_.past.dim, 0.0F);
  }
  void end(Scratch& scratch) const {
    weights_.add_low_rank(scratch.more_floats, scratch.floats, width_);
  }
  // The scores of all items, in scratch.floats. False where a history speaks for nothing.
  std::vector<bool> sum_up(std::span<const Query> queries, Scratch& scratch) const {
    std::vector<bool> any(queries.size(), false);
    begin(queries.size(), scratch);
    for (size_t q = 0; q < queries.size(); ++q) {
      const TasteRow row = taste_row(queries[q].history, weights_.seen);
      float* sums = scratch.floats.data() + q * width_;
      float* vector = scratch.more_floats.data() + q * weights_.past.dim;
      for (size_t i = 0; i < row.index.size(); ++i) {
        if (weights_.has_row(row.index[i])) any[q] = true;
        weights_.add_row(row.index[i], interaction_strength(row.value[i], value_power_), sums,
                         vector);
      }
    }
    end(scratch);
    return any;
  }

  std::shared_ptr<const Artefact> artefact_;
  Weights weights_;
  double value_power_;
  std::vector<uint64_t> absent_;
  size_t width_;
  ModelInfo info_;
};

// Those that somebody who took the item is led to.
Result<std::vector<Scored>> ItemWeights::similar_to(const SimilarTo& request,
                                                    Scratch& scratch) const {
  const uint32_t item = request.item.value;
  if (!knows(request.item)) return std::unexpected(unknown(request.item));
  TopK best(std::min(request.k, info_.items));
  const auto offer = [&](uint32_t other, float weight) {
    const bool wanted = weight > 0 && other != item && knows({other});
    if (wanted && !request.filter.blocks({other})) best.push(weight, other);
  };
  if (weights_.is_sparse()) {
    for (uint64_t i = weights_.start[item]; i < weights_.start[item + 1]; ++i) {
      offer(weights_.index[i], weights_.value[i]);
    }
  } else {
    begin(1, scratch);
    weights_.add_row(item, 1, scratch.floats.data(), scratch.more_floats.data());
    end(scratch);
    for (uint32_t other = 0; other < info_.items; ++other) offer(other, scratch.floats[other]);
  }
  std::vector<Scored> out;
  for (const ScoredIndex& entry : best.take()) out.push_back({{entry.index}, entry.score});
  return out;
}

Result<std::vector<Contribution>> ItemWeights::explain(const Query& query, ItemIx item, size_t n,
                                                       Scratch&) const {
  if (!knows(item)) return std::unexpected(unknown(item));
  const TasteRow row = taste_row(query.history, weights_.seen);
  std::vector<Contribution> out;
  for (size_t i = 0; i < row.index.size(); ++i) {
    const float weight = weights_.weight(row.index[i], item.value);
    if (weight == 0) continue;
    out.push_back({{row.index[i]}, weight * interaction_strength(row.value[i], value_power_)});
  }
  std::ranges::sort(out, stronger);
  out.resize(std::min(n, out.size()));
  return out;
}

const float* floats(const TensorView& view) {
  return reinterpret_cast<const float*>(view.bytes.data());
}

// The checksum says that the bytes are as written; this says that they mean what a sum relies on.
Status check_rows(const Weights& weights, const Path& path) {
  const size_t items = weights.seen.size();
  bool fits = weights.start.size() == items + 1 && weights.start.front() == 0 &&
              weights.start.back() == weights.index.size() &&
              weights.index.size() == weights.value.size();
  for (size_t i = 0; fits && i < items; ++i) fits = weights.start[i] <= weights.start[i + 1];
  fits = fits && std::ranges::all_of(weights.index, [&](uint32_t to) { return to < items; });
  if (fits) return {};
  return fail(Code::kCorrupt, "{}: tensors start, index, value do not fit {} items; train again",
              path.string(), items);
}

bool has(const Artefact& artefact, std::string_view name) {
  return std::ranges::any_of(artefact.tensors(),
                             [&](const NamedTensor& tensor) { return tensor.name == name; });
}

Status read_low_rank(const Artefact& artefact, Weights& out) {
  const TensorView past = TRY(artefact.tensor("past", DType::kF32, 2));
  const TensorView target = TRY(artefact.tensor("target", DType::kF32, 2));
  const size_t items = out.seen.size(), dim = past.cols();
  const bool fits = past.rows() == items && target.rows() == items && target.cols() == dim &&
                    dim > 0 && dim % kLanes == 0;
  if (!fits) {
    return fail(Code::kCorrupt,
                "{}: past {} × {} and target {} × {} do not fit {} items; train again",
                artefact.path().string(), past.rows(), dim, target.rows(), target.cols(), items);
  }
  out.past = {floats(past), items, dim};
  out.target = {floats(target), items, dim};
  return {};
}

Result<Weights> read_weights(const Artefact& artefact) {
  Weights out;
  out.seen = TRY(artefact.vector<uint32_t>("item_count"));
  if (out.seen.size() != artefact.manifest().items) {
    return fail(Code::kCorrupt, "{}: item_count has {} items, the manifest {}; train again",
                artefact.path().string(), out.seen.size(), artefact.manifest().items);
  }
  if (has(artefact, "past")) TRY(read_low_rank(artefact, out));
  if (has(artefact, "weights")) {
    const TensorView dense = TRY(artefact.tensor("weights", DType::kF32, 2));
    if (dense.rows() != out.seen.size() || dense.cols() != padded(out.seen.size())) {
      return fail(Code::kCorrupt, "{}: weights {} × {} do not fit {} items; train again",
                  artefact.path().string(), dense.rows(), dense.cols(), out.seen.size());
    }
    out.dense = {floats(dense), dense.rows(), dense.cols()};
    return out;
  }
  out.start = TRY(artefact.vector<uint64_t>("start"));
  out.index = TRY(artefact.vector<uint32_t>("index"));
  out.value = TRY(artefact.vector<float>("value"));
  TRY(check_rows(out, artefact.path()));
  return out;
}

}  // namespace

float interaction_strength(float value, double power) {
  return power == 0 ? 1.0F : std::pow(value, static_cast<float>(power));
}

Result<std::unique_ptr<Model>> load_item_weights(std::shared_ptr<const Artefact> artefact,
                                                 const ItemWeightsOptions& options) {
  const Weights weights = TRY(read_weights(*artefact));
  return std::make_unique<ItemWeights>(std::move(artefact), weights, options);
}

}  // namespace palate
