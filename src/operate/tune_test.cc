#include "operate/tune.h"

#include <cmath>
#include <set>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "models/catalog.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

class TuneTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.folder =
        std::filesystem::temp_directory_path() / fmt::format("palate-study-{}", getpid());
    std::filesystem::remove_all(options_.folder);
    options_.subject = "als by ndcg@20";
    options_.trials = 27;
    options_.rungs = 3;
    options_.parallel = 4;
    configs_.add_to(schema_);
    space_ = tune_space(schema_.fields(), "als", {"als.factors=8:64"}).value();
  }
  void TearDown() override { std::filesystem::remove_all(options_.folder); }

  // Best where alpha is 10; `dies_at` counts the trials until the process is killed.
  TrialRunner runner(size_t dies_at = 1000) {
    return [this, dies_at](std::span<TuneTrial> trials) -> Status {
      for (TuneTrial& trial : trials) {
        if (efforts_.size() >= dies_at) return fail(Code::kCancelled, "killed");
        efforts_.push_back(trial.effort);
        trial.value = -std::abs(std::log(std::stod(trial.settings["als.alpha"]) / 10));
      }
      return {};
    };
  }

  ModelConfigs configs_;
  ConfigSchema schema_;
  TuneOptions options_;
  std::vector<TuneRange> space_;
  std::vector<double> efforts_;
};

TEST_F(TuneTest, TheSpaceIsWhatFieldsDeclareNarrowed) {
  std::set<std::string> names;
  for (const TuneRange& range : space_) names.insert(range.name);
  EXPECT_TRUE(names.contains("als.alpha") && names.contains("als.regularization"));
  EXPECT_FALSE(names.contains("als.iterations"));
  for (size_t trial = 0; trial < 500; ++trial) {
    const auto settings = draw_settings(space_, 3, trial);
    const double factors = std::stod(settings.at("als.factors"));
    EXPECT_TRUE(factors >= 8 && factors <= 64 && factors == std::floor(factors));
    EXPECT_GT(std::stod(settings.at("als.regularization")), 0) << "a logarithm of 0";
    for (const TuneRange& range : space_) {
      const double value = std::stod(settings.at(range.name));
      EXPECT_GE(value, range.low * (1 - 1e-3)) << range.name;
      EXPECT_LE(value, range.high * (1 + 1e-3)) << range.name;
    }
  }
  EXPECT_EQ(draw_settings(space_, 3, 7), draw_settings(space_, 3, 7));
  EXPECT_NE(draw_settings(space_, 3, 7), draw_settings(space_, 4, 7));
  const auto choices = tune_space(schema_.fields(), "mf", {"mf.solver=als,gibbs"});
  ASSERT_TRUE(choices) << choices.error().message;
}

TEST_F(TuneTest, WrongRangesAreNamed) {
  for (const char* said : {"als.factor=1:2", "als.factors", "als.factors=3", "als.factors=9:3",
                           "als.factors=0:5", "als.factors=1:x", "mf.solver=magic"}) {
    const auto space = tune_space(schema_.fields(), "als", {said});
    ASSERT_FALSE(space) << said;
    EXPECT_EQ(space.error().code, Code::kInvalidArgument);
    EXPECT_THAT(space.error().message, HasSubstr(said));
  }
  EXPECT_FALSE(tune_space(schema_.fields(), "popularity", {}));
}

TEST_F(TuneTest, HalvingSpendsTheEffortOnTheBest) {
  const auto outcome = tune(space_, options_, runner());
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(efforts_.size(), 27u + 9u + 3u);
  EXPECT_EQ(std::ranges::count(efforts_, 1.0), 3);
  EXPECT_EQ(outcome->trials.size(), 27u);
  double best = -1e9;
  for (size_t trial = 0; trial < 27; ++trial) {
    const auto settings = draw_settings(space_, 1, trial);
    best = std::max(best, -std::abs(std::log(std::stod(settings.at("als.alpha")) / 10)));
  }
  EXPECT_EQ(outcome->trials[0].value, best);
  EXPECT_EQ(outcome->trials[0].rung, 2u);
  EXPECT_THAT(to_toml(outcome->trials[0].settings, space_), HasSubstr("[als]\nalpha = "));
}

TEST_F(TuneTest, AKilledStudyGoesOnWhereItWas) {
  const auto whole = tune(space_, options_, runner());
  std::filesystem::remove_all(options_.folder);
  efforts_.clear();
  ASSERT_FALSE(tune(space_, options_, runner(14)));
  const auto resumed = tune(space_, options_, runner());
  ASSERT_TRUE(resumed) << resumed.error().message;
  EXPECT_EQ(resumed->known, 12u) << "whole batches of four are kept";
  EXPECT_EQ(resumed->run + resumed->known, 39u);
  ASSERT_EQ(resumed->trials.size(), whole->trials.size());
  for (size_t i = 0; i < whole->trials.size(); ++i) {
    EXPECT_EQ(resumed->trials[i].number, whole->trials[i].number);
    EXPECT_EQ(resumed->trials[i].value, whole->trials[i].value);
  }
  // Half a file is as good as none.
  ASSERT_TRUE(write_file_atomically(options_.folder / "trial-00003-0.json", "{\"val"));
  EXPECT_EQ(tune(space_, options_, runner())->run, 1u);
}

TEST_F(TuneTest, AnotherStudysFolderIsRefused) {
  ASSERT_TRUE(tune(space_, options_, runner()));
  options_.subject = "als by recall@20";
  const auto other = tune(space_, options_, runner());
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kConflict);
  EXPECT_THAT(other.error().message, HasSubstr("als by ndcg@20"));
}

TEST_F(TuneTest, FailedTrialsAreLastAndAllFailedIsAnError) {
  options_.smaller_is_better = true;
  options_.rungs = 1;
  options_.trials = 5;
  const auto outcome = tune(space_, options_, [](std::span<TuneTrial> trials) -> Status {
    for (TuneTrial& trial : trials) {
      trial.value = trial.number == 2 ? 0.5 : std::nan("");
      if (trial.number != 2) trial.failure = "diverged";
    }
    return {};
  });
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->trials[0].number, 2u);
  EXPECT_TRUE(nlohmann::json::parse(to_json(*outcome))["trials"][1]["value"].is_null());
  std::filesystem::remove_all(options_.folder);
  const auto none = tune(space_, options_, [](std::span<TuneTrial> trials) -> Status {
    for (TuneTrial& trial : trials) trial.failure = "diverged";
    return {};
  });
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("diverged"));
}

}  // namespace
}  // namespace palate
