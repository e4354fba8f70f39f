#include "models/mf/mf.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/hash.h"
#include "index/exact_index.h"
#include "math/panels.h"
#include "models/mf/profile.h"
#include "models/mf/ratings.h"
#include "models/mf/solver.h"
#include "models/mf/time_offsets.h"
#include "models/user_vectors.h"

namespace palate {
namespace {

// What the artefact says, checked.
struct Tensors {
  size_t samples = 0, dim = 0;     // dim: the bias and the factors
  std::span<const float> factors;  // items × samples × dim
  std::vector<double> precision, mean, weights, noise;
  std::span<const uint32_t> seen, types;
  MfProfiles profiles;
  MfTimeOffsets time;
  float rating_mean = 0, low = 0, high = 0, exponent = 0;
};

struct Buffers {
  MfScratch solve;
  std::vector<double> x, mean, profile;
};
Buffers& thread_buffers() {
  static thread_local Buffers buffers;
  return buffers;
}

// A rating is one inner product: of the item's vectors in all samples, 1 and its offsets of time,
// and the user's vectors over the number of samples, what is the same for all items, and which
// time it is.
class MfModel final : public Model {
 public:
  MfModel(std::shared_ptr<const Artefact> artefact, Tensors tensors)
      : artefact_(std::move(artefact)),
        t_(std::move(tensors)),
        common_at_(t_.samples * t_.dim),
        dim_(padded(common_at_ + 1 + t_.time.bins)),
        items_(item_table()),
        lengths_(factor_lengths()),
        by_score_(RowsView{items_.data(), t_.seen.size(), dim_}, {.absent = never_rated()}),
        user_vectors_(dim_) {
    info_ = {.kind = "mf",
             .version = artefact_->manifest().version,
             .items = t_.seen.size(),
             .personalized = true,
             .can_similar = true,
             .scores = ScoreMeaning::kRating,
             .score_min = t_.low,
             .score_max = t_.high};
  }

  [[nodiscard]] const ModelInfo& info() const override { return info_; }

  [[nodiscard]] bool can_answer(const Query& query) const override {
    return std::ranges::any_of(query.history, [&](const HistoryEntry& entry) {
      return !std::isnan(entry.value) && knows(entry.item) &&
             std::ranges::binary_search(t_.types, uint32_t{entry.type.value});
    });
  }

  void score(const Query& query, std::span<const ItemIx> items, std::span<float> scores,
             Scratch& scratch) const override;
  std::vector<std::vector<Scored>> top_k(std::span<const TopKRequest> requests,
                                         Scratch& scratch) const override;
  std::vector<Result<std::vector<Scored>>> similar_batch(std::span<const SimilarTo> requests,
                                                         Scratch& scratch) const override {
    std::vector<Result<std::vector<Scored>>> out;
    out.reserve(requests.size());
    for (const SimilarTo& request : requests) out.push_back(similar_to(request, scratch));
    return out;
  }

 private:
  [[nodiscard]] Result<std::vector<Scored>> similar_to(const SimilarTo& request,
                                                       Scratch& scratch) const;
  [[nodiscard]] bool knows(ItemIx item) const {
    return item.value < t_.seen.size() && t_.seen[item.value] > 0;
  }
  [[nodiscard]] const float* row(size_t item) const { return items_.data() + item * dim_; }
  [[nodiscard]] FloatTable item_table() const;
  [[nodiscard]] std::vector<float> factor_lengths() const;
  [[nodiscard]] std::vector<uint64_t> never_rated() const;
  [[nodiscard]] UserRatings known_ratings(std::span<const HistoryEntry> history) const;
  void solve_user(const Query& query, float* vector) const;
  void solve_samples(const UserRatings& ratings, float* vector) const;
  [[nodiscard]] static bool is_bias(size_t place, size_t dim) { return place % dim == 0; }

  std::shared_ptr<const Artefact> artefact_;
  Tensors t_;
  size_t common_at_, dim_;
  FloatTable items_;            // items × dim_
  std::vector<float> lengths_;  // of the factors alone, over all samples
  ExactIndex by_score_;
  mutable UserVectors user_vectors_;
  ModelInfo info_;
};

FloatTable MfModel::item_table() const {
  FloatTable table(t_.seen.size() * dim_, 0.0F);
  const size_t width = t_.samples * t_.dim;
  for (size_t item = 0; item < t_.seen.size(); ++item) {
    float* to = table.data() + item * dim_;
    std::copy_n(t_.factors.data() + item * width, width, to);
    to[common_at_] = 1;
    for (size_t bin = 0; bin < t_.time.bins; ++bin) {
      to[common_at_ + 1 + bin] = t_.time.offset[item * t_.time.bins + bin];
    }
  }
  return table;
}

std::vector<float> MfModel::factor_lengths() const {
  std::vector<float> lengths;
  for (size_t item = 0; item < t_.seen.size(); ++item) {
    double squares = 0;
    for (size_t i = 0; i < common_at_; ++i) {
      if (!is_bias(i, t_.dim)) squares += double{row(item)[i]} * row(item)[i];
    }
    lengths.push_back(static_cast<float>(std::sqrt(squares)));
  }
  return lengths;
}

std::vector<uint64_t> MfModel::never_rated() const {
  std::vector<uint64_t> bits((t_.seen.size() + 63) / 64, 0);
  for (size_t i = 0; i < t_.seen.size(); ++i) {
    if (t_.seen[i] == 0) bits[i / 64] |= uint64_t{1} << (i % 64);
  }
  return bits;
}

UserRatings MfModel::known_ratings(std::span<const HistoryEntry> history) const {
  UserRatings all = ratings_of(history, t_.types, t_.seen.size());
  size_t kept = 0;
  for (size_t i = 0; i < all.item.size(); ++i) {
    if (!knows({all.item[i]})) continue;
    all.item[kept] = all.item[i];
    all.value[kept] = all.value[i] - t_.rating_mean - t_.time.of(all.item[i], all.ts[i]);
    ++kept;
  }
  all.item.resize(kept);
  all.value.resize(kept);
  return all;
}

// The user's row of every sample, as training would have solved it.
void MfModel::solve_samples(const UserRatings& ratings, float* vector) const {
  Buffers& buffers = thread_buffers();
  buffers.x.resize(t_.dim);
  buffers.mean.resize(t_.dim);
  buffers.profile.resize(t_.profiles.size);
  t_.profiles.of_user(ratings.item, buffers.profile);
  const double rated = std::max<double>(1, static_cast<double>(ratings.item.size()));
  const auto parts = static_cast<double>(t_.samples);
  double common = t_.rating_mean;
  for (size_t s = 0; s < t_.samples; ++s) {
    for (size_t d = 0; d < t_.dim; ++d) {
      buffers.mean[d] = t_.mean[s * t_.dim + d];
      for (size_t f = 0; f < t_.profiles.size; ++f) {
        buffers.mean[d] += buffers.profile[f] * t_.weights[(s * t_.profiles.size + f) * t_.dim + d];
      }
    }
    std::ranges::fill(buffers.x, 0.0);
    const MfPrior prior{t_.precision.data() + s * t_.dim * t_.dim, buffers.mean.data(),
                        std::pow(rated, double{t_.exponent}), t_.noise[s]};
    mf_solve({{ratings.item, ratings.value}, {items_.data() + s * t_.dim, dim_, t_.dim}, prior},
             buffers.x, buffers.solve);
    common += buffers.x[0] / parts;
    vector[s * t_.dim] = static_cast<float>(1 / parts);  // times the item's bias
    for (size_t d = 1; d < t_.dim; ++d) {
      vector[s * t_.dim + d] = static_cast<float>(buffers.x[d] / parts);
    }
  }
  vector[common_at_] = static_cast<float>(common);
}

void MfModel::solve_user(const Query& query, float* vector) const {
  const UserRatings ratings = known_ratings(query.history);
  const uint64_t taste =
      hash64({reinterpret_cast<const char*>(ratings.value.data()), ratings.value.size() * 4},
             hash64({reinterpret_cast<const char*>(ratings.item.data()), ratings.item.size() * 4}));
  const UserVectors::Key key{query.user, taste};
  if (!user_vectors_.find(key, vector).value_or(false)) {
    std::fill_n(vector, dim_, 0.0F);
    solve_samples(ratings, vector);
    user_vectors_.keep(key, vector);
  }
  if (t_.time.bins > 0) vector[common_at_ + 1 + t_.time.bin_of(query.now)] = 1;
}

void MfModel::score(const Query& query, std::span<const ItemIx> items, std::span<float> scores,
                    Scratch& scratch) const {
  scratch.floats.resize(dim_);
  solve_user(query, scratch.floats.data());
  for (size_t i = 0; i < items.size(); ++i) {
    scores[i] =
        knows(items[i]) ? dot(row(items[i].value), scratch.floats.data(), dim_) : kUnknownScore;
  }
}

std::vector<std::vector<Scored>> MfModel::top_k(std::span<const TopKRequest> requests,
                                                Scratch& scratch) const {
  scratch.floats.resize(requests.size() * dim_);
  std::vector<ExactIndex::Query> queries;
  std::vector<size_t> asked;  // the request of each query
  for (size_t r = 0; r < requests.size(); ++r) {
    if (!can_answer(requests[r].query)) continue;
    float* vector = scratch.floats.data() + r * dim_;
    solve_user(requests[r].query, vector);
    queries.push_back({{vector, dim_}, requests[r].filter.blocked, requests[r].k});
    asked.push_back(r);
  }
  const auto lists = by_score_.top_k(queries);
  std::vector<std::vector<Scored>> out(requests.size());
  for (size_t q = 0; q < asked.size(); ++q) {
    for (const ScoredIndex& entry : lists[q]) {
      out[asked[q]].push_back({ItemIx{entry.index}, entry.score});
    }
  }
  return out;
}

// Cosine of the factors, without biases: what two items have in common beyond being good.
Result<std::vector<Scored>> MfModel::similar_to(const SimilarTo& request, Scratch& scratch) const {
  const ItemIx item = request.item;
  if (!knows(item)) {
    return fail(Code::kNotFound, "item {} has no training rating in mf {}", item.value,
                info_.version);
  }
  scratch.floats.assign(dim_, 0.0F);
  for (size_t i = 0; i < common_at_; ++i) {
    if (!is_bias(i, t_.dim)) scratch.floats[i] = row(item.value)[i];
  }
  std::vector<Scored> all;
  for (uint32_t other = 0; other < t_.seen.size(); ++other) {
    if (other == item.value || !knows({other}) || request.filter.blocks({other})) continue;
    const float product = dot(row(other), scratch.floats.data(), dim_);
    const float lengths = lengths_[item.value] * lengths_[other];
    all.push_back({{other}, lengths > 0 ? product / lengths : 0});
  }
  const size_t kept = std::min(request.k, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<ptrdiff_t>(kept), all.end(),
                    [](const Scored& a, const Scored& b) {
                      return a.score != b.score ? a.score > b.score : a.item < b.item;
                    });
  all.resize(kept);
  return all;
}

std::span<const float> floats(const TensorView& view) {
  return {reinterpret_cast<const float*>(view.bytes.data()), view.rows() * view.cols()};
}

Result<std::vector<double>> doubles(const Artefact& artefact, std::string_view name,
                                    std::array<uint64_t, 2> shape) {
  const TensorView view = TRY(artefact.tensor(name, DType::kF32, 2));
  if (view.rows() != shape[0] || view.cols() != shape[1]) {
    return fail(Code::kCorrupt, "{}: tensor '{}' is {} × {}, expected {} × {}; train again",
                artefact.path().string(), name, view.rows(), view.cols(), shape[0], shape[1]);
  }
  const auto values = floats(view);
  return std::vector<double>(values.begin(), values.end());
}

bool has(const Artefact& artefact, std::string_view name, size_t rank) {
  return artefact.tensor(name, DType::kF32, rank).has_value();
}

Status read_profiles(const Artefact& artefact, Tensors& out) {
  const TensorView vectors = TRY(artefact.tensor("profile_vectors", DType::kF32, 2));
  const auto mean = TRY(artefact.vector<float>("profile_mean"));
  const auto deviation = TRY(artefact.vector<float>("profile_deviation"));
  const size_t size = vectors.cols() + 1;
  const bool fits =
      vectors.rows() == out.seen.size() && mean.size() == size && deviation.size() == size;
  if (!fits || std::ranges::any_of(deviation, [](float value) { return !(value > 0); })) {
    return fail(Code::kCorrupt, "{}: the tensors of profiles do not fit; train again",
                artefact.path().string());
  }
  const auto values = floats(vectors);
  out.profiles = {size,
                  {values.begin(), values.end()},
                  {mean.begin(), mean.end()},
                  {deviation.begin(), deviation.end()}};
  out.weights = TRY(doubles(artefact, "profile_weights", {out.samples, size * out.dim}));
  return {};
}

Status read_time(const Artefact& artefact, Tensors& out) {
  const TensorView offsets = TRY(artefact.tensor("time_offsets", DType::kF32, 2));
  const auto range = TRY(artefact.vector<int64_t>("time_range"));
  if (offsets.rows() != out.seen.size() || range.size() != 2) {
    return fail(Code::kCorrupt, "{}: the tensors of time do not fit; train again",
                artefact.path().string());
  }
  const auto values = floats(offsets);
  out.time = {offsets.cols(), {range[0]}, {range[1]}, {values.begin(), values.end()}};
  return {};
}

// A precision that is not one would end the process at the first request.
Status check_priors(const Artefact& artefact, const Tensors& tensors) {
  const size_t square = tensors.dim * tensors.dim;
  for (size_t s = 0; s < tensors.samples; ++s) {
    std::vector<double> matrix(
        tensors.precision.begin() + static_cast<ptrdiff_t>(s * square),
        tensors.precision.begin() + static_cast<ptrdiff_t>((s + 1) * square));
    if (!cholesky(matrix.data(), tensors.dim) || !(tensors.noise[s] > 0)) {
      return fail(Code::kCorrupt, "{}: the prior of sample {} is none; train again",
                  artefact.path().string(), s);
    }
  }
  return {};
}

Result<Tensors> read_tensors(const Artefact& artefact) {
  Tensors out;
  const TensorView factors = TRY(artefact.tensor("item_factors", DType::kF32, 2));
  const auto noise = TRY(artefact.vector<float>("noise_precision"));
  const auto ratings = TRY(artefact.vector<float>("ratings"));
  out.seen = TRY(artefact.vector<uint32_t>("item_count"));
  out.types = TRY(artefact.vector<uint32_t>("rating_types"));
  out.samples = noise.size();
  out.factors = floats(factors);
  out.noise.assign(noise.begin(), noise.end());
  const bool fits = factors.rows() == out.seen.size() &&
                    out.seen.size() == artefact.manifest().items && out.samples > 0 &&
                    factors.cols() > 0 && factors.cols() % out.samples == 0 && ratings.size() == 4;
  if (!fits) {
    return fail(Code::kCorrupt,
                "{}: item_factors {} × {}, {} samples do not fit {} items; train again",
                artefact.path().string(), factors.rows(), factors.cols(), out.samples,
                artefact.manifest().items);
  }
  out.dim = factors.cols() / out.samples;
  out.rating_mean = ratings[0];
  out.low = ratings[1];
  out.high = ratings[2];
  out.exponent = ratings[3];
  out.precision = TRY(doubles(artefact, "prior_precision", {out.samples, out.dim * out.dim}));
  out.mean = TRY(doubles(artefact, "prior_mean", {out.samples, out.dim}));
  if (has(artefact, "profile_vectors", 2)) TRY(read_profiles(artefact, out));
  if (has(artefact, "time_offsets", 2)) TRY(read_time(artefact, out));
  TRY(check_priors(artefact, out));
  return out;
}

}  // namespace

void MfConfig::fields(FieldVisitor<MfConfig>& field) {
  using C = MfConfig;
  field("solver", &C::solver, {.one_of = {"gibbs", "als", "sgd", "hogwild"}},
        "gibbs averages samples and is the most exact; als and sgd find one point; hogwild is sgd "
        "without locks, and not repeatable.");
  field("factors", &C::factors,
        {.min = 1, .max = 256, .unit = "dimensions", .tune = true, .tune_log = true},
        "Length of a vector, beside its bias.");
  field("iterations", &C::iterations, {.min = 1, .max = 10000, .unit = "epochs"},
        "How often everything is solved or visited; for gibbs before the first sample.");
  field("samples", &C::samples, {.min = 1, .max = 1000}, "gibbs: how many are averaged.");
  field("profile", &C::profile, {.min = 0, .max = 256, .unit = "dimensions", .tune = true},
        "gibbs: dimensions of what the pattern of who rated what says before any rating is read; "
        "0: none.");
  field("regularization", &C::regularization,
        {.min = 1e-6, .max = 1e3, .tune = true, .tune_log = true},
        "als, sgd: pulls vectors and biases towards zero.");
  field("regularization_exponent", &C::regularization_exponent, {.min = 0, .max = 1, .tune = true},
        "als, sgd: 0 pulls all alike; 1 in proportion to the number of ratings.");
  field("learning_rate", &C::learning_rate, {.min = 1e-6, .max = 1, .tune = true, .tune_log = true},
        "sgd: the length of a step.");
  field("learning_rate_decay", &C::learning_rate_decay, {.min = 0, .max = 10, .tune = true},
        "sgd: in epoch e a step is 1 / (1 + decay * e) as long.");
  field("time_bins", &C::time_bins, {.min = 0, .max = 1000},
        "Stretches of time in which an item's bias may differ; 0: it is the same at all times.");
  field("time_shrinkage", &C::time_shrinkage,
        {.min = 0.1, .max = 1e4, .tune = true, .tune_log = true},
        "Ratings that a stretch of time needs for half of its own bias.");
  field("validation_share", &C::validation_share, {.min = 0, .max = 0.5},
        "Share of the ratings, the newest, that als and sgd are watched on; after the best epoch "
        "everything is fitted for as long. 0: all epochs are run.");
  field("patience", &C::patience, {.min = 0, .max = 1000, .unit = "epochs"},
        "How long validation may get no better; 0: for ever.");
  field("checkpoints", &C::checkpoints, {},
        "A folder that training keeps its state in, to go on after it was stopped; empty: none.");
  field("checkpoint_cost", &C::checkpoint_cost, {.min = 1e-4, .max = 1},
        "The share of the time that writing checkpoints may take.");
}

Result<std::unique_ptr<Model>> load_mf(std::shared_ptr<const Artefact> artefact) {
  Tensors tensors = TRY(read_tensors(*artefact));
  return std::make_unique<MfModel>(std::move(artefact), std::move(tensors));
}

}  // namespace palate
