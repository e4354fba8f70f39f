#include "models/mf/mf.h"

#include <algorithm>
#include <cmath>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "models/contract.h"
#include "models/mf/ratings.h"
#include "models/mf/solver.h"
#include "models/mf/time_offsets.h"
#include "models/mf/train_fit.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

// Ratings 1 to 5 out of known biases and two factors, with noise of deviation `noise`; every fifth
// of a user's rows is apart.
struct RatedWorld {
  static constexpr uint32_t kUsers = 200, kItems = 80, kEach = 30;
  std::vector<MfTriple> apart;
  Dataset train;

  explicit RatedWorld(uint64_t seed, double noise = 0.4) : train(make(seed, noise)) {}

  Dataset make(uint64_t seed, double noise) {
    const auto vector = [&](uint64_t stream, uint32_t row) {
      Philox random(seed, stream << 32 | row);
      return std::array<double, 3>{random.normal() * 0.5, random.normal(), random.normal()};
    };
    std::vector<uint64_t> start{0};
    std::vector<HistoryEntry> rows;
    for (uint32_t user = 0; user < kUsers; ++user) {
      Philox random(seed, user);
      std::set<uint32_t> rated;
      while (rated.size() < kEach) rated.insert(random.below(kItems));
      const auto u = vector(1, user);
      for (const uint32_t item : rated) {
        const auto i = vector(2, item);
        const double exact = 3 + u[0] + i[0] + 0.5 * (u[1] * i[1] + u[2] * i[2]);
        const double said = exact + noise * random.normal();
        if (random.below(5) == 0) {
          apart.push_back({user, item, static_cast<float>(exact), {}});
          continue;
        }
        rows.push_back({{item},
                        {0},
                        false,
                        static_cast<float>(said),
                        said > 3 ? 1.0F : -1.0F,
                        {static_cast<int64_t>(rows.size()) * kSecondUs},
                        rows.size()});
      }
      start.push_back(rows.size());
    }
    return Dataset::from_rows(kItems, std::move(start), std::move(rows), TimeKind::kReal)
        .with_rating_types({{0}});
  }

  // Of what serving predicts for the rows apart.
  [[nodiscard]] double rmse(const Model& model) const {
    double squares = 0;
    Scratch scratch;
    for (const MfTriple& row : apart) {
      Query query;
      query.history = train.of({row.user});
      const ItemIx item{row.item};
      float score = 0;
      model.score(query, {&item, 1}, {&score, 1}, scratch);
      squares += (score - row.value) * (score - row.value);
    }
    return std::sqrt(squares / static_cast<double>(apart.size()));
  }
};

MfConfig quick(const std::string& solver) {
  MfConfig config;
  config.solver = solver;
  config.factors = 3;
  config.profile = 4;
  config.iterations = solver == "gibbs" ? 20 : 40;
  config.samples = 20;
  config.regularization = solver == "als" ? 0.1 : 0.05;
  return config;
}

TrainOptions options_of(const MfConfig& config, size_t threads = 2) {
  TrainOptions options;
  options.configs.mf = config;
  options.threads = threads;
  return options;
}

TEST(Mf, EverySolverFindsWhatRatingsAreMadeOf) {
  const RatedWorld world(3);
  for (const char* solver : {"gibbs", "als", "sgd", "hogwild"}) {
    const auto trained = train_for_test("mf", DatasetView(world.train), options_of(quick(solver)));
    ASSERT_TRUE(trained) << trained.error().message;
    // The rows themselves have a deviation of about .95, the noise that ratings have is .4.
    EXPECT_LT(world.rmse(*trained->model), solver == std::string("gibbs") ? 0.25 : 0.4) << solver;
    EXPECT_EQ(trained->model->info().scores, ScoreMeaning::kRating);
  }
}

TEST(Mf, TheLossOfAlsNeverRises) {
  const RatedWorld world(4);
  for (const double exponent : {0.0, 0.5, 1.0}) {
    MfConfig config = quick("als");
    config.regularization_exponent = exponent;
    const auto trained = train_for_test("mf", DatasetView(world.train), options_of(config));
    ASSERT_TRUE(trained);
    const auto metrics = nlohmann::json::parse(trained->artefact->manifest().metrics_json);
    const auto loss = metrics["loss_by_epoch"].get<std::vector<double>>();
    ASSERT_EQ(loss.size(), static_cast<size_t>(config.iterations));
    for (size_t i = 1; i < loss.size(); ++i) EXPECT_LE(loss[i], loss[i - 1] * (1 + 1e-6)) << i;
  }
}

// The objective at the solution, against the plain normal equations of one user.
TEST(Mf, SolvesTheRidgeRegressionOfTheObjective) {
  Philox random(1);
  constexpr size_t kDim = 4, kRows = 7;
  std::vector<float> table(kRows * kDim), values(kRows);
  std::vector<uint32_t> index(kRows);
  for (float& value : table) value = static_cast<float>(random.normal());
  for (size_t i = 0; i < kRows; ++i) {
    index[i] = static_cast<uint32_t>(i);
    values[i] = static_cast<float>(random.normal());
  }
  MfConfig config;
  config.regularization = 0.3;
  config.regularization_exponent = 0.7;
  const double lambda = mf_lambda(config, kRows);
  EXPECT_NEAR(lambda, 0.3 * std::pow(7, 0.7), 1e-12);
  std::vector<double> identity(kDim * kDim, 0.0), zeros(kDim, 0.0), x(kDim, 0.0);
  for (size_t d = 0; d < kDim; ++d) identity[d * kDim + d] = 1;
  MfScratch scratch;
  mf_solve(
      {{index, values}, {table.data(), kDim, kDim}, {identity.data(), zeros.data(), lambda, 1}}, x,
      scratch);
  // The gradient of sum (r - b_i - x·o)² + lambda |x|² is zero.
  for (size_t d = 0; d < kDim; ++d) {
    double gradient = lambda * x[d];
    for (size_t i = 0; i < kRows; ++i) {
      double predicted = table[i * kDim] + x[0];
      for (size_t e = 1; e < kDim; ++e) predicted += x[e] * table[i * kDim + e];
      gradient -= (values[i] - predicted) * (d == 0 ? 1.0 : table[i * kDim + d]);
    }
    EXPECT_NEAR(gradient, 0, 1e-6) << d;
  }
}

TEST(Mf, EverySolverButHogwildGivesTheSameBitsOnAnyNumberOfThreads) {
  const RatedWorld world(5);
  for (const char* solver : {"als", "sgd", "gibbs"}) {
    const auto one = train_for_test("mf", DatasetView(world.train), options_of(quick(solver), 1));
    const auto three = train_for_test("mf", DatasetView(world.train), options_of(quick(solver), 3));
    ASSERT_TRUE(one && three);
    EXPECT_EQ(one->artefact->manifest().checksums, three->artefact->manifest().checksums) << solver;
  }
}

class MfCheckpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("palate-mf-{}", getpid());
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::vector<Path> files() const {
    std::vector<Path> out;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, none)) {
      out.push_back(entry.path());
    }
    std::ranges::sort(out);
    return out;
  }

  RatedWorld world_{6};
  ThreadPool pool_{2};
  MfData data_ = read_mf_data(DatasetView(world_.train), {0.1, 1}).value();
  Path folder_;
};

TEST_F(MfCheckpointTest, AFitThatWasStoppedGoesOnToTheSameBits) {
  for (const char* solver : {"gibbs", "als", "sgd"}) {
    MfFitOptions options{.config = quick(solver), .pool = &pool_};
    const auto whole = mf_fit(data_, options);
    ASSERT_TRUE(whole) << whole.error().message;
    options.config.checkpoints = folder_.string();
    options.config.checkpoint_cost = 1;
    std::stop_source stop;
    options.stop = stop.get_token();
    int epochs = 0;
    options.after_epoch = [&] {
      if (++epochs == 27) stop.request_stop();
    };
    const auto stopped = mf_fit(data_, options);
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, Code::kCancelled);
    ASSERT_FALSE(files().empty());
    EXPECT_LE(files().size(), 2u) << "old ones are pruned";
    options.stop = {};
    options.after_epoch = {};
    const auto resumed = mf_fit(data_, options);
    ASSERT_TRUE(resumed) << resumed.error().message;
    EXPECT_GT(resumed->resumed_at, 0) << solver;
    EXPECT_EQ(resumed->samples.items, whole->samples.items) << solver;
    EXPECT_EQ(resumed->samples.precision, whole->samples.precision);
    EXPECT_EQ(resumed->curve.validation_rmse, whole->curve.validation_rmse);
    EXPECT_TRUE(files().empty()) << "a fit that is done keeps none";
  }
}

TEST_F(MfCheckpointTest, ADamagedOneIsPassedOver) {
  MfFitOptions options{.config = quick("als"), .pool = &pool_};
  options.config.checkpoints = folder_.string();
  options.config.checkpoint_cost = 1;
  std::stop_source stop;
  options.stop = stop.get_token();
  int epochs = 0;
  options.after_epoch = [&] {
    if (++epochs == 20) stop.request_stop();
  };
  ASSERT_FALSE(mf_fit(data_, options));
  for (const Path& path : files()) {
    std::string bytes = *read_file(path);
    bytes[bytes.size() / 2] ^= 1;
    ASSERT_TRUE(write_file_atomically(path, bytes));
  }
  options.stop = {};
  options.after_epoch = {};
  const auto fit = mf_fit(data_, options);
  ASSERT_TRUE(fit);
  EXPECT_EQ(fit->resumed_at, 0);
}

TEST(Mf, StopsWhereValidationGetsNoBetter) {
  const RatedWorld world(8, 1.0);
  MfConfig config = quick("als");
  config.factors = 30;
  config.regularization = 0.05;
  config.regularization_exponent = 0;
  config.iterations = 60;
  config.validation_share = 0.2;
  config.patience = 2;
  const auto trained = train_for_test("mf", DatasetView(world.train), options_of(config));
  ASSERT_TRUE(trained) << trained.error().message;
  const auto metrics = nlohmann::json::parse(trained->artefact->manifest().metrics_json);
  EXPECT_TRUE(metrics["validated"]["stopped_early"]);
  const auto curve = metrics["validated"]["validation_rmse_by_epoch"].get<std::vector<double>>();
  const auto best = std::ranges::min_element(curve) - curve.begin() + 1;
  EXPECT_EQ(metrics["epochs"], best) << "everything is fitted for as long";
  EXPECT_LT(curve.size(), 60u);
}

TEST(Mf, TheNewestRatingOfAnItemCounts) {
  const auto entry = [](uint32_t item, float value, uint16_t type, int64_t ts) {
    return HistoryEntry{.item = {item},
                        .type = {type},
                        .value = value,
                        .preference = 1,
                        .ts = {ts},
                        .offset = static_cast<uint64_t>(ts)};
  };
  const std::vector<HistoryEntry> history{entry(3, 1, 6, 1), entry(2, 4, 6, 2),
                                          entry(3, 5, 6, 3), entry(1, 5, 4, 4),
                                          entry(9, 5, 6, 5), entry(2, std::nanf(""), 6, 6)};
  const std::vector<uint32_t> types{6};
  const UserRatings ratings = ratings_of(history, types, 9);
  EXPECT_EQ(ratings.item, (std::vector<uint32_t>{2, 3}));
  EXPECT_EQ(ratings.value, (std::vector<float>{4, 5}));
}

TEST(Mf, TimeOffsetsFollowWhatChanges) {
  // Item 0 is rated 2 before the middle and 4 after it, the others 3 always.
  std::vector<uint64_t> start{0};
  std::vector<HistoryEntry> rows;
  for (uint32_t user = 0; user < 300; ++user) {
    for (uint32_t item = 0; item < 5; ++item) {
      const int64_t ts = static_cast<int64_t>(user) * kSecondUs;
      const float value = item != 0 ? 3.0F : user < 150 ? 2.0F : 4.0F;
      rows.push_back({{item}, {0}, false, value, 1, {ts}, rows.size()});
    }
    start.push_back(rows.size());
  }
  const Dataset data = Dataset::from_rows(5, std::move(start), std::move(rows), TimeKind::kReal)
                           .with_rating_types({{0}});
  MfConfig config = quick("als");
  config.time_bins = 2;
  config.time_shrinkage = 5;
  const auto trained = train_for_test("mf", DatasetView(data), options_of(config));
  ASSERT_TRUE(trained) << trained.error().message;
  Query query;
  query.history = data.of({0});
  Scratch scratch;
  const ItemIx item{0};
  float early = 0, late = 0;
  query.now = {0};
  trained->model->score(query, {&item, 1}, {&early, 1}, scratch);
  query.now = {1'000'000 * kSecondUs};  // after the last stretch is as in it
  trained->model->score(query, {&item, 1}, {&late, 1}, scratch);
  EXPECT_LT(early, 2.6);
  EXPECT_GT(late, 3.4);
}

TEST(Mf, OddDataIsAnsweredFor) {
  const auto train = [](const std::vector<HistoryEntry>& rows, size_t items) {
    const Dataset data =
        Dataset::from_rows(items, {0, rows.size()}, rows, TimeKind::kReal).with_rating_types({{0}});
    return train_for_test("mf", DatasetView(data), options_of(quick("gibbs")));
  };
  // One user with one rating of one item; constant ratings; the same pair many times.
  const HistoryEntry one{{0}, {0}, false, 4, 1, {1}, 0};
  EXPECT_TRUE(train({one}, 1));
  std::vector<HistoryEntry> constant, repeated;
  for (uint32_t i = 0; i < 30; ++i) {
    constant.push_back({{i}, {0}, false, 3, 0, {i}, i});
    repeated.push_back({{0}, {0}, false, 1.0F + static_cast<float>(i % 5), 1, {i}, i});
  }
  const auto trained = train(constant, 30);
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_EQ(trained->model->info().score_min, 3);
  EXPECT_EQ(trained->model->info().score_max, 3);
  Query query;
  query.history = constant;
  Scratch scratch;
  const ItemIx item{7};
  float score = 0;
  trained->model->score(query, {&item, 1}, {&score, 1}, scratch);
  EXPECT_TRUE(std::isfinite(score));
  EXPECT_TRUE(train(repeated, 1));
  const auto none = train({{{0}, {1}, false, 4, 1, {1}, 0}}, 1);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kInvalidArgument);
  EXPECT_THAT(none.error().message, HasSubstr("there is no rating"));
}

TEST(Mf, AStepTooLongIsAnErrorNotANumber) {
  const RatedWorld world(9);
  MfConfig config = quick("sgd");
  config.learning_rate = 1;
  config.learning_rate_decay = 0;
  const auto trained = train_for_test("mf", DatasetView(world.train), options_of(config));
  ASSERT_FALSE(trained);
  EXPECT_THAT(trained.error().message, HasSubstr("mf.learning_rate"));
}

}  // namespace
}  // namespace palate
