#include "models/als/als.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/als/solver.h"
#include "models/item_retrieval.h"
#include "models/model_config.h"
#include "models/taste_row.h"
#include "models/user_vectors.h"

namespace palate {
namespace {

// Solving exactly costs the cube of the unknowns (factors or entries, whichever are fewer): beyond
// this, conjugate gradients to kTolerance are cheaper.
constexpr size_t kCholeskySizeMax = 128;
constexpr float kTolerance = 1e-6F;

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

AlsRow as_als_row(const TasteRow& row) { return {row.index, row.value}; }

class AlsModel final : public Model {
 public:
  AlsModel(std::shared_ptr<const Artefact> artefact, const AlsConfig& config,
           const Tensors& tensors)
      : artefact_(std::move(artefact)),
        config_(config),
        seen_(tensors.seen),
        spectrum_(tensors.spectrum),
        retrieval_(tensors.items, {.seen = tensors.seen,
                                   .nearly_from = config.nearly_from,
                                   .who = "als " + artefact_->manifest().version}),
        user_vectors_(retrieval_.dim()) {
    info_ = {.kind = "als",
             .version = artefact_->manifest().version,
             .items = seen_.size(),
             .dimensions = retrieval_.factors(),
             .personalized = true,
             .can_similar = true,
             .can_explain = true};
  }

  [[nodiscard]] const ModelInfo& info() const override { return info_; }

  [[nodiscard]] bool can_answer(const Query& query) const override;

  void score(const Query& query, std::span<const ItemIx> items, std::span<float> scores,
             Scratch& scratch) const override;
  void score_all(const Query& query, std::span<float> scores, Scratch& scratch) const override;
  void score_batch(std::span<const Query> queries, std::span<float> scores,
                   Scratch& scratch) const override;
  std::vector<std::vector<Scored>> top_k(std::span<const TopKRequest> requests,
                                         Scratch& scratch) const override;
  std::vector<Result<std::vector<Scored>>> similar_batch(std::span<const SimilarTo> requests,
                                                         Scratch& scratch) const override;
  Result<std::vector<Contribution>> explain(const Query& query, ItemIx item, size_t n,
                                            Scratch& scratch) const override;
  Result<std::vector<float>> user_vector(const Query& query, Scratch& scratch) const override;
  bool item_vector(ItemIx item, std::span<float> out) const override {
    return retrieval_.item_vector(item, out);
  }

 private:
  [[nodiscard]] AlsSolver solver() const {
    return {retrieval_.rows(), spectrum_.data(), solver_options(config_)};
  }
  // Solves the user's half-step into `vector` (retrieval_.dim() floats). False, and zeros, where
  // the history has nothing for it.
  bool solve_user(const Query& query, float* vector) const;

  std::shared_ptr<const Artefact> artefact_;
  AlsConfig config_;
  std::span<const uint32_t> seen_;
  std::span<const float> spectrum_;  // factors
  ItemRetrieval retrieval_;
  mutable UserVectors user_vectors_;
  ModelInfo info_;
};

// Buffers of the solver; results never depend on what they held.
AlsScratch& thread_scratch() {
  static thread_local AlsScratch scratch;
  return scratch;
}

bool AlsModel::can_answer(const Query& query) const {
  if (const auto known = user_vectors_.has({query.user, taste_hash(query.history)})) return *known;
  return has_taste(query.history, seen_);
}

bool AlsModel::solve_user(const Query& query, float* vector) const {
  const UserVectors::Key key{query.user, taste_hash(query.history)};
  const auto known = user_vectors_.find(key, vector);
  if (known.value_or(false)) return true;
  std::fill_n(vector, retrieval_.dim(), 0.0F);
  if (known) return false;
  const TasteRow folded = taste_row(query.history, seen_);
  if (!folded.index.empty()) solver().solve(as_als_row(folded), vector, thread_scratch());
  user_vectors_.keep(key, folded.index.empty() ? nullptr : vector);
  return !folded.index.empty();
}

void AlsModel::score(const Query& query, std::span<const ItemIx> items, std::span<float> scores,
                     Scratch& scratch) const {
  scratch.floats.resize(retrieval_.dim());
  solve_user(query, scratch.floats.data());
  retrieval_.score(scratch.floats.data(), items, scores, scratch);
}

void AlsModel::score_all(const Query& query, std::span<float> scores, Scratch& scratch) const {
  score_batch({&query, 1}, scores, scratch);
}

void AlsModel::score_batch(std::span<const Query> queries, std::span<float> scores,
                           Scratch& scratch) const {
  const size_t dim = retrieval_.dim();
  scratch.floats.resize(queries.size() * dim);
  for (size_t q = 0; q < queries.size(); ++q) {
    solve_user(queries[q], scratch.floats.data() + q * dim);
  }
  retrieval_.score_batch(scratch.floats, scores);
}

std::vector<std::vector<Scored>> AlsModel::top_k(std::span<const TopKRequest> requests,
                                                 Scratch& scratch) const {
  return retrieval_.top_k(requests, scratch, [this](const Query& query, float* vector) {
    return solve_user(query, vector);
  });
}

std::vector<Result<std::vector<Scored>>> AlsModel::similar_batch(
    std::span<const SimilarTo> requests, Scratch& scratch) const {
  return retrieval_.similar_batch(requests, scratch);
}

// score = y·x = sum over the history of c_j * y_jᵀ (G + …)⁻¹ y (Hu et al. 2008, section 5).
Result<std::vector<Contribution>> AlsModel::explain(const Query& query, ItemIx item, size_t n,
                                                    Scratch& scratch) const {
  if (!retrieval_.knows(item)) return std::unexpected(retrieval_.unknown(item));
  const TasteRow folded = taste_row(query.history, seen_);
  scratch.floats.resize(retrieval_.dim());
  solver().solve_for(as_als_row(folded), retrieval_.rows().row(item.value), scratch.floats.data(),
                     thread_scratch());
  std::vector<Contribution> out;
  for (size_t i = 0; i < folded.index.size(); ++i) {
    const float share =
        dot(retrieval_.rows().row(folded.index[i]), scratch.floats.data(), retrieval_.dim());
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
  scratch.floats.resize(retrieval_.dim());
  solve_user(query, scratch.floats.data());
  return std::vector<float>(scratch.floats.data(), scratch.floats.data() + retrieval_.factors());
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
  field("solver", &C::solver, {.one_of = {"cg", "block", "cholesky"}},
        "cg takes a few approximate steps an epoch and is fast; block solves some dimensions at a "
        "time exactly; cholesky all of them.");
  field("cg_steps", &C::cg_steps, {.min = 1, .max = 100, .unit = "steps"},
        "Conjugate gradient steps an epoch.");
  field("block", &C::block, {.min = 1, .max = 1024, .unit = "dimensions"},
        "How many dimensions solver block solves at a time, once an epoch each.");
  field("warm_start", &C::warm_start, {},
        "Start from the item vectors of the version before; the result then depends on it.");
  field("warm_iterations", &C::warm_iterations, {.min = 1, .max = 1000, .unit = "epochs"},
        "Epochs of a warm start, instead of iterations.");
  field("nearly_from", &C::nearly_from, {.min = 0, .max = 4e9, .unit = "items"},
        "From so many items on, a pipeline's sources get nearly the best, from the most promising "
        "of the catalogue; 0: always the best.");
  field("checkpoints", &C::checkpoints, {},
        "A folder that training keeps its state in, to go on after it was stopped; empty: none.");
  field("checkpoint_cost", &C::checkpoint_cost, {.min = 1e-4, .max = 1},
        "The share of the time that writing checkpoints may take.");
}

Result<std::unique_ptr<Model>> load_als(std::shared_ptr<const Artefact> artefact) {
  const AlsConfig config = TRY(read_model_config<AlsConfig>(*artefact));
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
