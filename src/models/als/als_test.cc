#include "models/als/als.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>
#include <unistd.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "math/philox.h"
#include "math/plain.h"
#include "models/als/solver.h"
#include "models/als/train_fit.h"
#include "models/contract.h"

namespace palate {
namespace {

constexpr uint64_t kSeed = 4711;

// Users with 0 to 40 distinct items, values in (0, 3].
SparseMatrix random_matrix(size_t users, size_t items) {
  SparseMatrix out;
  out.rows = users;
  out.cols = items;
  out.start = {0};
  for (size_t user = 0; user < users; ++user) {
    Philox random(kSeed, user);
    std::set<uint32_t> chosen;
    for (uint32_t n = random.below(41); n > 0; --n) {
      chosen.insert(random.below(static_cast<uint32_t>(items)));
    }
    for (uint32_t item : chosen) {
      out.index.push_back(item);
      out.value.push_back(0.5F * static_cast<float>(1 + random.below(6)));
    }
    out.start.push_back(out.index.size());
  }
  return out;
}

std::vector<float> random_rows(size_t count, size_t factors, size_t dim, uint64_t stream) {
  Philox random(kSeed, stream);
  std::vector<float> out(count * dim, 0.0F);
  for (size_t i = 0; i < count; ++i) {
    for (size_t d = 0; d < factors; ++d) {
      out[i * dim + d] = 0.3F * static_cast<float>(random.normal());
    }
  }
  return out;
}

// The normal equations of one row, formed and solved in double.
// `rhs` nullptr: the row's own.
std::vector<double> exact_solution(const RowsView& fixed, const AlsRow& row, double lambda,
                                   const std::vector<float>* rhs = nullptr) {
  std::vector<double> a(fixed.dim * fixed.dim, 0.0), b(fixed.dim, 0.0);
  plain::gram(fixed, nullptr, a);
  for (size_t i = 0; i < row.index.size(); ++i) {
    const float* y = fixed.row(row.index[i]);
    plain::gram({y, 1, fixed.dim}, &row.value[i], a);
    for (size_t d = 0; d < fixed.dim; ++d) b[d] += (1 + double{row.value[i]}) * y[d];
  }
  for (size_t d = 0; d < fixed.dim; ++d) a[d * fixed.dim + d] += lambda;
  if (rhs != nullptr) b.assign(rhs->begin(), rhs->end());
  EXPECT_TRUE(plain::cholesky_solve(a, b));
  return b;
}

struct Problem {
  size_t factors, entries, dim = padded(factors);
  std::vector<float> table = random_rows(300, factors, dim, factors);
  RowsView fixed{table.data(), 300, dim};
  std::vector<uint32_t> index;
  std::vector<float> weight;
  std::vector<float> spectrum;

  Problem(size_t f, size_t n) : factors(f), entries(n) {
    ThreadPool pool(1);
    const AlsFitOptions options{.config = {}, .pool = &pool};
    const Rows rows{table.data(), 300, dim};
    spectrum = *als_diagonalize(rows, {table.data(), 0, dim}, factors, options);
    Philox random(kSeed, 77);
    std::set<uint32_t> chosen;
    while (chosen.size() < n) chosen.insert(random.below(300));
    index.assign(chosen.begin(), chosen.end());
    for (size_t i = 0; i < n; ++i) weight.push_back(0.5F + static_cast<float>(random.below(20)));
  }
  [[nodiscard]] AlsRow row() const { return {index, weight}; }
};

// What solve() minimizes, by its definition.
double loss_at(const Problem& problem, const std::vector<float>& x, double lambda) {
  std::vector<double> weight(problem.fixed.count, 0.0);
  for (size_t i = 0; i < problem.entries; ++i) weight[problem.index[i]] = problem.weight[i];
  double sum = lambda * plain::dot(x.data(), x.data(), problem.dim);
  for (size_t i = 0; i < problem.fixed.count; ++i) {
    const double z = plain::dot(problem.fixed.row(i), x.data(), problem.dim);
    const double error = (weight[i] > 0 ? 1 : 0) - z;
    sum += (1 + weight[i]) * error * error;
  }
  return sum;
}

AlsSolverOptions exactly(AlsMethod method, size_t factors) {
  AlsSolverOptions options;
  options.method = method;
  options.factors = factors;
  options.regularization = 0.7;
  options.steps_max = 500;
  options.tolerance = 1e-6F;
  return options;
}

TEST(AlsSolver, BothMethodsSolveTheNormalEquations) {
  for (size_t factors : {5, 16, 40, 64}) {
    for (size_t entries : {1, 7, 30, 64, 200}) {
      const Problem problem(factors, entries);
      const auto expected = exact_solution(problem.fixed, problem.row(), 0.7);
      for (AlsMethod method : {AlsMethod::kCholesky, AlsMethod::kConjugateGradient}) {
        const AlsSolver solver(problem.fixed, problem.spectrum.data(), exactly(method, factors));
        std::vector<float> x(problem.dim, 0.0F);
        AlsScratch scratch;
        const double loss = solver.solve(problem.row(), x.data(), scratch);
        EXPECT_NEAR(loss, loss_at(problem, x, 0.7), 2e-4 * (1 + loss));
        for (size_t d = 0; d < problem.dim; ++d) {
          EXPECT_NEAR(x[d], d < factors ? expected[d] : 0.0, 2e-4)
              << factors << " factors, " << entries << " entries";
        }
      }
    }
  }
}

TEST(AlsSolver, SolvesForAnyRightHandSide) {
  for (size_t entries : {7, 200}) {
    const Problem problem(40, entries);
    const std::vector<float> rhs = random_rows(1, 40, problem.dim, 99);
    const auto expected = exact_solution(problem.fixed, problem.row(), 0.7, &rhs);
    for (AlsMethod method : {AlsMethod::kCholesky, AlsMethod::kConjugateGradient}) {
      const AlsSolver solver(problem.fixed, problem.spectrum.data(), exactly(method, 40));
      std::vector<float> x(problem.dim, 1.0F);
      AlsScratch scratch;
      solver.solve_for(problem.row(), rhs.data(), x.data(), scratch);
      for (size_t d = 0; d < 40; ++d) EXPECT_NEAR(x[d], expected[d], 2e-4) << entries;
    }
  }
}

TEST(AlsFit, DiagonalizingChangesNoInnerProduct) {
  const size_t factors = 40, dim = padded(factors);
  std::vector<float> fixed = random_rows(301, factors, dim, 1);
  std::vector<float> other = random_rows(13, factors, dim, 2);
  const auto fixed_before = fixed, other_before = other;
  ThreadPool pool(2);
  const auto spectrum = als_diagonalize({fixed.data(), 301, dim}, {other.data(), 13, dim}, factors,
                                        {.config = {}, .pool = &pool});
  ASSERT_TRUE(spectrum);
  std::vector<double> gram(dim * dim, 0.0);
  plain::gram({fixed.data(), 301, dim}, nullptr, gram);
  for (size_t a = 0; a < dim; ++a) {
    for (size_t b = 0; b < dim; ++b) {
      EXPECT_NEAR(gram[a * dim + b], a == b ? (*spectrum)[a] : 0.0, 1e-4) << a << " " << b;
    }
  }
  for (size_t i = 0; i < 301; ++i) {
    for (size_t j = 0; j < 13; ++j) {
      EXPECT_NEAR(plain::dot(&fixed[i * dim], &other[j * dim], dim),
                  plain::dot(&fixed_before[i * dim], &other_before[j * dim], dim), 2e-5);
    }
  }
}

TEST(AlsSolver, AnEmptyRowIsZero) {
  const Problem problem(16, 1);
  const AlsSolver solver(problem.fixed, problem.spectrum.data(), exactly(AlsMethod::kCholesky, 16));
  std::vector<float> x(problem.dim, 3.0F);
  AlsScratch scratch;
  solver.solve({}, x.data(), scratch);
  EXPECT_EQ(x, std::vector<float>(problem.dim, 0.0F));
}

TEST(AlsSolver, RegularizationGrowsWithFrequencyWhenAsked) {
  AlsSolverOptions options;
  options.regularization = 0.5;
  options.alpha = 10;
  EXPECT_EQ(options.lambda(9, 300), 0.5);
  options.exponent = 1;
  EXPECT_DOUBLE_EQ(options.lambda(9, 300), 0.5 * (9 + 30));
}

// The loss, by its definition, over every cell.
double loss_by_definition(const SparseMatrix& matrix, const AlsFactors& fit, const AlsConfig& c) {
  double sum = 0, confidence = 0;
  for (size_t u = 0; u < matrix.rows; ++u) {
    std::vector<double> weight(matrix.cols, 0.0);
    for (uint64_t at = matrix.start[u]; at < matrix.start[u + 1]; ++at) {
      weight[matrix.index[at]] = c.alpha * matrix.value[at];
    }
    for (size_t i = 0; i < matrix.cols; ++i) {
      const double z = plain::dot(&fit.users[u * fit.dim], &fit.items[i * fit.dim], fit.dim);
      const double target = weight[i] > 0 ? 1 : 0;
      sum += (1 + weight[i]) * (target - z) * (target - z);
      confidence += 1 + weight[i];
    }
  }
  for (const auto* side : {&fit.users, &fit.items}) {
    for (float value : *side) sum += c.regularization * value * value;
  }
  return sum / confidence;
}

AlsConfig small_config(const std::string& solver) {
  AlsConfig config;
  config.factors = 20;
  config.iterations = 6;
  config.alpha = 4;
  config.regularization = 0.3;
  config.solver = solver;
  return config;
}

TEST(AlsFit, TracksTheLossOfItsDefinitionAndItFalls) {
  const SparseMatrix matrix = random_matrix(400, 90);
  ThreadPool pool(2);
  for (const std::string solver : {"cg", "cholesky"}) {
    AlsFitOptions options{.config = small_config(solver), .pool = &pool};
    const auto fit = als_fit(matrix, options);
    ASSERT_TRUE(fit) << fit.error().message;
    ASSERT_EQ(fit->loss.size(), 6u);
    EXPECT_NEAR(fit->loss.back() / loss_by_definition(matrix, *fit, options.config), 1, 1e-5);
    for (size_t e = 1; e < fit->loss.size(); ++e) EXPECT_LT(fit->loss[e], fit->loss[e - 1]);
  }
}

TEST(AlsFit, DoesNotDependOnTheNumberOfThreads) {
  const SparseMatrix matrix = random_matrix(2000, 300);
  ThreadPool one(1), four(4);
  for (const std::string solver : {"cg", "cholesky"}) {
    const auto a = als_fit(matrix, {.config = small_config(solver), .pool = &one});
    const auto b = als_fit(matrix, {.config = small_config(solver), .pool = &four});
    ASSERT_TRUE(a && b);
    EXPECT_EQ(a->items, b->items);
    EXPECT_EQ(a->users, b->users);
    EXPECT_EQ(a->loss, b->loss);
  }
}

class AlsCheckpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("palate-als-{}", getpid());
    std::filesystem::remove_all(folder_);
    options_.config.iterations = 8;
    options_.config.factors = 12;
    options_.pool = &pool_;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  // Stops a fit that keeps checkpoints within its sixth epoch.
  void stop_one() {
    options_.config.checkpoints = folder_.string();
    options_.config.checkpoint_cost = 1;
    std::stop_source stop;
    AlsFitOptions stopped = options_;
    stopped.stop = stop.get_token();
    stopped.before_epoch = [&](int epoch) {
      if (epoch == 5) stop.request_stop();
    };
    EXPECT_EQ(als_fit(matrix_, stopped).error().code, Code::kCancelled);
  }
  [[nodiscard]] std::vector<Path> files() const {
    std::vector<Path> out;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, none)) {
      out.push_back(entry.path());
    }
    std::ranges::sort(out);
    return out;
  }

  SparseMatrix matrix_ = random_matrix(200, 60);
  ThreadPool pool_{2};
  AlsFitOptions options_;
  Path folder_;
};

TEST_F(AlsCheckpointTest, AFitThatWasStoppedGoesOnToTheSameBits) {
  for (const char* solver : {"cg", "block", "cholesky"}) {
    options_.config.solver = solver;
    options_.config.checkpoints.clear();
    const auto whole = als_fit(matrix_, options_);
    ASSERT_TRUE(whole) << whole.error().message;
    stop_one();
    EXPECT_FALSE(files().empty());
    EXPECT_LE(files().size(), 2u) << "old ones are pruned";
    const auto resumed = als_fit(matrix_, options_);
    ASSERT_TRUE(resumed) << resumed.error().message;
    EXPECT_GT(resumed->resumed_at, 0) << solver;
    EXPECT_EQ(resumed->items, whole->items) << solver;
    EXPECT_EQ(resumed->loss, whole->loss) << solver;
    EXPECT_TRUE(files().empty()) << "a fit that is done keeps none";
  }
}

TEST_F(AlsCheckpointTest, OneThatIsDamagedOrOfAnotherFitIsPassedOver) {
  stop_one();
  AlsFitOptions other = options_;
  other.seed = 2;
  EXPECT_EQ(als_fit(matrix_, other)->resumed_at, 0);
  SparseMatrix corrected = matrix_;  // the same people and things, and one of them liked more
  corrected.value[7] += 1;
  EXPECT_EQ(als_fit(corrected, options_)->resumed_at, 0);
  for (const Path& path : files()) {
    std::string bytes = *read_file(path);
    bytes[bytes.size() / 2] ^= 1;
    ASSERT_TRUE(write_file_atomically(path, bytes));
  }
  const auto fit = als_fit(matrix_, options_);
  ASSERT_TRUE(fit);
  EXPECT_EQ(fit->resumed_at, 0);
}

TEST(AlsFit, BadInputIsRefused) {
  ThreadPool pool(1);
  SparseMatrix empty;
  empty.rows = 3, empty.cols = 3, empty.start = {0, 0, 0, 0};
  EXPECT_EQ(als_fit(empty, {.config = {}, .pool = &pool}).error().code, Code::kInvalidArgument);
  AlsConfig config = small_config("newton");
  EXPECT_EQ(als_fit(random_matrix(9, 9), {.config = config, .pool = &pool}).error().code,
            Code::kInvalidArgument);
  std::stop_source stop;
  stop.request_stop();
  const auto stopped =
      als_fit(random_matrix(90, 9),
              {.config = small_config("cg"), .pool = &pool, .stop = stop.get_token()});
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
}

class AlsServing : public ::testing::Test {
 protected:
  void SetUp() override {
    auto trained = train_for_test("als", DatasetView(world_.data));
    ASSERT_TRUE(trained) << trained.error().message;
    trained_.emplace(std::move(*trained));
  }
  const Model& model() const { return *trained_->model; }
  PlantedWorld world_{3};
  std::optional<TrainedModel> trained_;
  Scratch scratch_;
};

TEST_F(AlsServing, ReasonsAddUpToTheScore) {
  for (uint32_t user = 0; user < 10; ++user) {
    const Query query = world_.query(user);
    for (uint32_t item : {0U, 5U, 30U}) {
      float score = 0;
      const ItemIx asked{item};
      model().score(query, {&asked, 1}, {&score, 1}, scratch_);
      const auto reasons = model().explain(query, asked, 1000, scratch_);
      ASSERT_TRUE(reasons) << reasons.error().message;
      EXPECT_EQ(reasons->size(), PlantedWorld::kLikes);
      float sum = 0;
      for (const Contribution& reason : *reasons) sum += reason.score;
      EXPECT_NEAR(sum, score, 1e-4) << user << " " << item;
    }
  }
}

TEST_F(AlsServing, ScoresAreTheSameBitsAsInLists) {
  const Query query = world_.query(4);
  const TopKRequest request{query, {}, PlantedWorld::kItems};
  const auto list = model().top_k({&request, 1}, scratch_)[0];
  ASSERT_FALSE(list.empty());
  for (const Scored& entry : list) {
    float score = 0;
    model().score(query, {&entry.item, 1}, {&score, 1}, scratch_);
    EXPECT_EQ(score, entry.score);
  }
}

TEST_F(AlsServing, ARepeatedEventCountsTwiceAndATakenBackOneNotAtAll) {
  const auto likes = world_.query(1).history;
  std::vector<HistoryEntry> history(likes.begin(), likes.end());
  Query query;
  query.history = history;
  const auto once = model().user_vector(query, scratch_);
  history.push_back(history[2]);
  query.history = history;
  const auto twice = model().user_vector(query, scratch_);
  history.back().preference = -1;
  query.history = history;
  const auto taken_back = model().user_vector(query, scratch_);
  std::vector<HistoryEntry> without(likes.begin(), likes.end());
  without.erase(without.begin() + 2);
  query.history = without;
  const auto never = model().user_vector(query, scratch_);
  ASSERT_TRUE(once && twice && taken_back && never);
  EXPECT_NE(*once, *twice);
  EXPECT_EQ(*taken_back, *never);
}

// Every pass over the blocks comes nearer to the exact solution, whatever their size.
TEST(Als, BlocksComeToTheExactSolution) {
  constexpr size_t kFactors = 24, kItems = 60;
  const size_t dim = padded(kFactors);
  const auto rows = random_rows(kItems, kFactors, dim, 3);
  FloatTable table(rows.begin(), rows.end()), other(dim, 0.0F);
  ThreadPool pool(1);
  AlsFitOptions fit;
  fit.pool = &pool;
  const auto spectrum =
      als_diagonalize({table.data(), kItems, dim}, {other.data(), 1, dim}, kFactors, fit);
  ASSERT_TRUE(spectrum);
  const SparseMatrix matrix = random_matrix(20, kItems);
  AlsSolverOptions options;
  options.factors = kFactors;
  options.alpha = 3;
  options.regularization = 0.1;
  options.method = AlsMethod::kCholesky;
  const RowsView fixed{table.data(), kItems, dim};
  const AlsSolver exact(fixed, spectrum->data(), options);
  options.method = AlsMethod::kBlocks;
  for (const size_t block : {1, 16, 24, 64}) {
    options.block = block;
    const AlsSolver blocks(fixed, spectrum->data(), options);
    AlsScratch scratch;
    for (size_t user = 0; user < matrix.rows; ++user) {
      const auto begin = matrix.start[user], count = matrix.start[user + 1] - begin;
      const AlsRow row{{matrix.index.data() + begin, count}, {matrix.value.data() + begin, count}};
      std::vector<float> best(dim, 0.0F), x(dim, 0.0F);
      const double least = exact.solve(row, best.data(), scratch);
      double before = std::numeric_limits<double>::infinity();
      for (int pass = 0; pass < 40; ++pass) {
        const double loss = blocks.solve(row, x.data(), scratch);
        EXPECT_LE(loss, before + 1e-3 * (1 + std::abs(loss)));
        before = loss;
      }
      EXPECT_NEAR(before, least, 1e-3 * (1 + std::abs(least))) << block << ' ' << user;
      for (size_t d = 0; d < kFactors; ++d) EXPECT_NEAR(x[d], best[d], 2e-2) << block;
    }
  }
}

TEST(Als, AWarmStartIsNearTheEndAtOnce) {
  const PlantedWorld world(9);
  TrainOptions options;
  options.configs.als.iterations = 30;
  const auto first = train_for_test("als", DatasetView(world.data), options);
  ASSERT_TRUE(first) << first.error().message;
  const auto losses = [](const TrainedModel& model) {
    const auto metrics = nlohmann::json::parse(model.artefact->manifest().metrics_json);
    return metrics["loss_by_epoch"].get<std::vector<double>>();
  };
  options.previous = first->artefact;
  const auto ignored = train_for_test("als", DatasetView(world.data), options);
  options.configs.als.warm_start = true;
  options.configs.als.warm_iterations = 1;
  const auto warm = train_for_test("als", DatasetView(world.data), options);
  options.configs.als.warm_start = false;
  options.configs.als.iterations = 1;
  options.previous = nullptr;
  const auto cold = train_for_test("als", DatasetView(world.data), options);
  ASSERT_TRUE(ignored && warm && cold);
  EXPECT_EQ(ignored->artefact->manifest().checksums.at("tensors.safetensors"),
            first->artefact->manifest().checksums.at("tensors.safetensors"));
  ASSERT_EQ(losses(*warm).size(), 1U);
  EXPECT_NEAR(losses(*warm)[0], losses(*first).back(), 1e-2 * losses(*first).back());
  EXPECT_GT(losses(*cold)[0], 1.05 * losses(*first).back());
}

// A batch is the same as one by one, to the bit.
TEST(Als, ScoresOfABatchAreThoseOfEach) {
  const PlantedWorld world(9);
  const auto trained = train_for_test("als", DatasetView(world.data));
  ASSERT_TRUE(trained) << trained.error().message;
  std::vector<Query> queries{Query{}};
  for (uint32_t user = 0; user < 20; ++user) queries.push_back(world.query(user));
  const size_t items = PlantedWorld::kItems;
  std::vector<float> together(queries.size() * items), alone(items);
  Scratch scratch;
  trained->model->score_batch(queries, together, scratch);
  for (size_t q = 0; q < queries.size(); ++q) {
    trained->model->score_all(queries[q], alone, scratch);
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(),
                           together.begin() + static_cast<ptrdiff_t>(q * items)))
        << q;
  }
}

}  // namespace
}  // namespace palate
