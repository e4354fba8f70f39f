#include "models/als/als.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include <nlohmann/json.hpp>

#include "index/exact_index.h"
#include "math/panels.h"
#include "models/als/solver.h"
#include "models/user_vectors.h"

namespace palate {
namespace {

// Solving exactly costs the cube of the unknowns (factors or entries, whichever are fewer): beyond
// this, conjugate gradients to kTolerance are cheaper.
constexpr size_t kCholeskySizeMax = 128;
constexpr float kTolerance = 1e-6F;
constexpr size_t kUserVectorsBytesMax = size_t{64} << 20;

// What the artefact says, checked.
struct Tensors {
  RowsView items;                   // items × factors
  std::span<const float> spectrum;  // factors: the diagonal of itemsᵀ items, which is diagonal
  std::span<const uint32_t> seen;   // training interactions an item
};

AlsSolverOptions solver_options(const AlsConfig& config) {
  AlsSolverOptions out;
  out.factors = static_cast<size_t>(config.factors);
  out.regularization = config.regularization;
  out.exponent = config.regularization_exponent;
  out.alpha = config.alpha;
  out.method = AlsMethod::kCholesky;
  out.system_max = kCholeskySizeMax;
  out.steps_max = static_cast<int>(2 * out.factors);
  out.tolerance = kTolerance;
  return out;
}

// `rows` × `from` floats into rows × `to`, filled up with zeros.
std::vector<float> widened(const float* data, size_t rows, size_t from, size_t to) {
  std::vector<float> out(rows * to, 0.0F);
  for (size_t i = 0; i < rows; ++i) std::copy_n(data + i * from, from, out.data() + i * to);
  return out;
}

std::vector<uint64_t> never_seen(std::span<const uint32_t> seen) {
  std::vector<uint64_t> bits((seen.size() + 63) / 64, 0);
  for (size_t i = 0; i < seen.size(); ++i) {
    if (seen[i] == 0) bits[i / 64] |= uint64_t{1} << (i % 64);
  }
  return bits;
}

std::vector<Scored> as_scored(std::span<const ScoredIndex> list) {
  std::vector<Scored> out;
  out.reserve(list.size());
  for (const ScoredIndex& entry : list) out.push_back({ItemIx{entry.index}, entry.score});
  return out;
}

// A user's row of the matrix, as training would have seen it.
struct Folded {
  std::vector<uint32_t> index;
  std::vector<float> value;
  [[nodiscard]] AlsRow row() const { return {index, value}; }
};

class AlsModel final : public Model {
 public:
  AlsModel(std::shared_ptr<const Artefact> artefact, const AlsConfig& config,
           const Tensors& tensors)
      : artefact_(std::move(artefact)),
        config_(config),
        seen_(tensors.seen),
        factors_(tensors.items.dim),
        dim_(padded(factors_)),
        // Without padding the vectors stay where they are mapped.
        own_items_(dim_ == factors_ ? std::vector<float>{}
                                    : widened(tensors.items.data, seen_.size(), factors_, dim_)),
        items_{own_items_.empty() ? tensors.items.data : own_items_.data(), seen_.size(), dim_},
        spectrum_(tensors.spectrum),
        by_score_(items_, {.absent = never_seen(seen_)}),
        by_cosine_(items_, {.similarity = Similarity::kCosine, .absent = never_seen(seen_)}),
        user_vectors_(dim_, kUserVectorsBytesMax) {
    info_ = {.kind = "als",
             .version = artefact_->manifest().version,
             .items = seen_.size(),
             .dimensions = factors_,
             .personalized = true,
             .can_similar = true,
             .can_explain = true};
  }

  [[nodiscard]] const ModelInfo& info() const override { return info_; }

  [[nodiscard]] bool can_answer(const Query& query) const override;

  void score(const Query& query, std::span<const ItemIx> items, std::span<float> scores,
             Scratch& scratch) const override;
  std::vector<std::vector<Scored>> top_k(std::span<const TopKRequest> requests,
                                         Scratch& scratch) const override;
  Result<std::vector<Scored>> similar(ItemIx item, size_t k, const ItemFilter& filter,
                                      Scratch& scratch) const override;
  Result<std::vector<Contribution>> explain(const Query& query, ItemIx item, size_t n,
                                            Scratch& scratch) const override;
  Result<std::vector<float>> user_vector(const Query& query, Scratch& scratch) const override;

 private:
  [[nodiscard]] bool knows(ItemIx item) const {
    return item.value < seen_.size() && seen_[item.value] > 0;
  }
  [[nodiscard]] AlsSolver solver() const {
    return {items_, spectrum_.data(), solver_options(config_)};
  }
  [[nodiscard]] Folded fold(std::span<const HistoryEntry> history) const;
  // Solves the user's half-step into `vector` (dim_ floats). False, and zeros, where the history
  // has nothing for it.
  bool solve_user(const Query& query, float* vector) const;

  std::shared_ptr<const Artefact> artefact_;
  AlsConfig config_;
  std::span<const uint32_t> seen_;
  size_t factors_, dim_;
  std::vector<float> own_items_;
  RowsView items_;
  std::span<const float> spectrum_;  // factors_
  ExactIndex by_score_, by_cosine_;
  mutable UserVectors user_vectors_;
  ModelInfo info_;
};

// Buffers of the solver; results never depend on what they held.
AlsScratch& thread_scratch() {
  static thread_local AlsScratch scratch;
  return scratch;
}

// As preference_matrix() does it in training: events of one item are added up, and only items with
// a positive sum count.
Folded AlsModel::fold(std::span<const HistoryEntry> history) const {
  std::vector<std::pair<uint32_t, float>> known;
  known.reserve(history.size());
  for (const HistoryEntry& entry : history) {
    if (knows(entry.item)) known.emplace_back(entry.item.value, entry.preference);
  }
  // Stable, so that equal items are added in the order of their events.
  std::ranges::stable_sort(known, {}, &std::pair<uint32_t, float>::first);
  Folded out;
  for (size_t i = 0; i < known.size();) {
    const uint32_t item = known[i].first;
    float sum = 0;
    for (; i < known.size() && known[i].first == item; ++i) sum += known[i].second;
    if (!(sum > 0)) continue;
    out.index.push_back(item);
    out.value.push_back(sum);
  }
  return out;
}

// Folding is for what has both signs; nearly no history has.
bool AlsModel::can_answer(const Query& query) const {
  if (const auto known = user_vectors_.has({query.user, taste_hash(query.history)})) return *known;
  bool positive = false, negative = false;
  for (const HistoryEntry& entry : query.history) {
    if (!knows(entry.item)) continue;
    positive |= entry.preference > 0;
    negative |= entry.preference < 0;
  }
  return positive && (!negative || !fold(query.history).index.empty());
}

bool AlsModel::solve_user(const Query& query, float* vector) const {
  const UserVectors::Key key{query.user, taste_hash(query.history)};
  const auto known = user_vectors_.find(key, vector);
  if (known.value_or(false)) return true;
  std::fill_n(vector, dim_, 0.0F);
  if (known) return false;
  const Folded folded = fold(query.history);
  if (!folded.index.empty()) solver().solve(folded.row(), vector, thread_scratch());
  user_vectors_.keep(key, folded.index.empty() ? nullptr : vector);
  return !folded.index.empty();
}

void AlsModel::score(const Query& query, std::span<const ItemIx> items, std::span<float> scores,
                     Scratch& scratch) const {
  scratch.floats.resize(dim_);
  solve_user(query, scratch.floats.data());
  scratch.indices.resize(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    scratch.indices[i] = knows(items[i]) ? items[i].value : 0;
  }
  score_rows(items_, scratch.indices, {scratch.floats.data()}, scores.data());
  for (size_t i = 0; i < items.size(); ++i) {
    if (!knows(items[i])) scores[i] = kUnknownScore;
  }
}

std::vector<std::vector<Scored>> AlsModel::top_k(std::span<const TopKRequest> requests,
                                                 Scratch& scratch) const {
  scratch.floats.resize(requests.size() * dim_);
  std::vector<ExactIndex::Query> queries;
  std::vector<size_t> asked;  // the request of each query
  for (size_t r = 0; r < requests.size(); ++r) {
    float* vector = scratch.floats.data() + r * dim_;
    if (!solve_user(requests[r].query, vector)) continue;  // nothing personal: an empty list
    queries.push_back({{vector, dim_}, requests[r].filter.blocked, requests[r].k});
    asked.push_back(r);
  }
  const auto lists = by_score_.top_k(queries);
  std::vector<std::vector<Scored>> out(requests.size());
  for (size_t q = 0; q < asked.size(); ++q) out[asked[q]] = as_scored(lists[q]);
  return out;
}

Result<std::vector<Scored>> AlsModel::similar(ItemIx item, size_t k, const ItemFilter& filter,
                                              Scratch& scratch) const {
  if (!knows(item)) {
    return fail(Code::kNotFound, "item {} has no training interaction in als {}", item.value,
                info_.version);
  }
  const float* row = items_.row(item.value);
  const float length = std::sqrt(dot(row, row, dim_));
  scratch.floats.assign(row, row + dim_);
  if (length > 0) {
    for (float& value : scratch.floats) value /= length;
  }
  std::vector<uint64_t> blocked(filter.blocked.begin(), filter.blocked.end());
  blocked.resize(std::max<size_t>(blocked.size(), item.value / 64 + 1), 0);
  blocked[item.value / 64] |= uint64_t{1} << (item.value % 64);
  const ExactIndex::Query query{scratch.floats, blocked, k};
  return as_scored(by_cosine_.top_k({&query, 1})[0]);
}

// score = y·x = sum over the history of c_j * y_jᵀ (G + …)⁻¹ y (Hu et al. 2008, section 5).
Result<std::vector<Contribution>> AlsModel::explain(const Query& query, ItemIx item, size_t n,
                                                    Scratch& scratch) const {
  if (!knows(item)) {
    return fail(Code::kNotFound, "item {} has no training interaction in als {}", item.value,
                info_.version);
  }
  const Folded folded = fold(query.history);
  scratch.floats.resize(dim_);
  solver().solve_for(folded.row(), items_.row(item.value), scratch.floats.data(), thread_scratch());
  std::vector<Contribution> out;
  for (size_t i = 0; i < folded.index.size(); ++i) {
    const float share = dot(items_.row(folded.index[i]), scratch.floats.data(), dim_);
    const float confidence = 1 + static_cast<float>(config_.alpha) * folded.value[i];
    out.push_back({ItemIx{folded.index[i]}, confidence * share});
  }
  const size_t kept = std::min(n, out.size());
  std::partial_sort(out.begin(), out.begin() + static_cast<ptrdiff_t>(kept), out.end(),
                    [](const Contribution& a, const Contribution& b) {
                      return a.score != b.score ? a.score > b.score : a.because_of < b.because_of;
                    });
  out.resize(kept);
  return out;
}

Result<std::vector<float>> AlsModel::user_vector(const Query& query, Scratch& scratch) const {
  scratch.floats.resize(dim_);
  solve_user(query, scratch.floats.data());
  return std::vector<float>(scratch.floats.data(), scratch.floats.data() + factors_);
}

// The config that the model was trained with, from the manifest.
Result<AlsConfig> read_config(const Artefact& artefact) {
  const auto json = nlohmann::json::parse(artefact.manifest().config_json, nullptr, false);
  AlsConfig config;
  std::vector<Field> fields;
  FieldVisitor<AlsConfig> visitor("als", config, fields);
  AlsConfig::fields(visitor);
  for (const Field& field : fields) {
    const auto at = json.is_object() ? json.find(field.key) : json.end();
    if (at == json.end()) continue;
    FieldValue value;
    if (at->is_number_integer()) {
      value = at->get<int64_t>();
    } else if (at->is_number()) {
      value = at->get<double>();
    } else if (at->is_string()) {
      value = at->get<std::string>();
    } else {
      return fail(Code::kCorrupt, "{}: config.{} has the wrong type", artefact.path().string(),
                  field.key);
    }
    // Out of range is as wrong as out of type: the sizes of what follows depend on it.
    if (auto set = set_field(field, std::move(value), artefact.path().string()); !set) {
      return std::unexpected(Error{Code::kCorrupt, set.error().message});
    }
  }
  return config;
}

const float* floats(const TensorView& view) {
  return reinterpret_cast<const float*>(view.bytes.data());
}

}  // namespace

void AlsConfig::fields(FieldVisitor<AlsConfig>& field) {
  using C = AlsConfig;
  field("factors", &C::factors, {.min = 1, .max = 1024, .unit = "dimensions", .tune = true},
        "Length of a vector; more is better and slower, up to the data's own limit.");
  field("iterations", &C::iterations, {.min = 1, .max = 1000, .unit = "epochs"},
        "How often users and items are solved in turn.");
  field("alpha", &C::alpha, {.min = 1e-3, .max = 1e4, .tune = true, .tune_log = true},
        "How much more an interaction counts than none: confidence is 1 + alpha * preference.");
  field("regularization", &C::regularization,
        {.min = 0, .max = 1e4, .tune = true, .tune_log = true},
        "Pulls vectors towards zero; 1 to 10 suit most data, 30 a catalogue of a thousand items.");
  field("regularization_exponent", &C::regularization_exponent, {.min = 0, .max = 1, .tune = true},
        "0 pulls all alike; 1 pulls in proportion to how much a user or item is seen.");
  field("solver", &C::solver, {.one_of = {"cg", "cholesky"}},
        "cg takes a few approximate steps an epoch and is fast; cholesky solves exactly.");
  field("cg_steps", &C::cg_steps, {.min = 1, .max = 100, .unit = "steps"},
        "Conjugate gradient steps an epoch.");
}

Result<std::unique_ptr<Model>> load_als(std::shared_ptr<const Artefact> artefact) {
  const AlsConfig config = TRY(read_config(*artefact));
  const TensorView items = TRY(artefact->tensor("item_factors", DType::kF32, 2));
  const TensorView spectrum = TRY(artefact->tensor("spectrum", DType::kF32, 1));
  const auto seen = TRY(artefact->vector<uint32_t>("item_count"));
  const auto factors = static_cast<uint64_t>(config.factors);
  const bool fits = items.rows() == artefact->manifest().items && items.rows() == seen.size() &&
                    items.cols() == factors && spectrum.rows() == factors;
  if (!fits) {
    return fail(Code::kCorrupt,
                "{}: item_factors {} × {}, spectrum {}, item_count {} do not fit {} items and {} "
                "factors; train again",
                artefact->path().string(), items.rows(), items.cols(), spectrum.rows(), seen.size(),
                artefact->manifest().items, factors);
  }
  const Tensors tensors{
      RowsView{floats(items), items.rows(), items.cols()}, {floats(spectrum), factors}, seen};
  return std::make_unique<AlsModel>(std::move(artefact), config, tensors);
}

}  // namespace palate
