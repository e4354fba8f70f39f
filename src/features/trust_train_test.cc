// A model of trust: its text, the list of flagged accounts, and that training learns.
#include "features/trust_train.h"

#include <gtest/gtest.h>

#include "features/feature_config.h"
#include "math/philox.h"

namespace palate {
namespace {

// Ill ones repeat themselves, a little less clearly than they are beaten to.
std::vector<TrustSample> planted(uint64_t seed) {
  Philox random(seed, 0);
  std::vector<TrustSample> samples;
  for (uint64_t i = 0; i < 2000; ++i) {
    TrustSample sample{.user = i, .ill = random.below(10) == 0};
    for (double& input : sample.inputs) input = random.uniform();
    sample.inputs[3] = (random.uniform() + (sample.ill ? 2.0 : 0.0)) / 3;
    samples.push_back(sample);
  }
  return samples;
}

TEST(TrustTraining, LearnsWhatIsPlantedAndSparesTheHonest) {
  const auto model = train_trust(planted(1), {});
  ASSERT_TRUE(model) << model.error().message;
  int caught = 0, ill = 0, doubted = 0;
  const auto others = planted(2);
  for (const TrustSample& sample : others) {
    const bool is_doubted = malice_of(model->with_slates, sample.inputs) > 0.5;
    ill += sample.ill ? 1 : 0;
    caught += sample.ill && is_doubted ? 1 : 0;
    doubted += !sample.ill && is_doubted ? 1 : 0;
  }
  EXPECT_GT(caught, ill * 9 / 10);
  EXPECT_LT(doubted, (2000 - ill) / 100);
}

TEST(TrustTraining, NeedsBothKinds) {
  auto samples = planted(1);
  for (TrustSample& sample : samples) sample.ill = false;
  const auto model = train_trust(samples, {});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::kInvalidArgument);
}

TEST(TrustModel, SurvivesItsText) {
  const auto model = *train_trust(planted(3), {});
  const auto again = parse_trust_model(model.text());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->text(), model.text());
  EXPECT_EQ(again->fingerprint(), model.fingerprint());
  EXPECT_NE(model.fingerprint(), built_in_trust_model().fingerprint());
}

TEST(TrustModel, DamageIsSaid) {
  const std::string text = built_in_trust_model().text();
  EXPECT_TRUE(parse_trust_model(text));
  EXPECT_EQ(parse_trust_model("palate trust model 2\n").error().code, Code::kUnsupportedVersion);
  for (size_t cut = 0; cut < text.size(); ++cut) {
    EXPECT_FALSE(parse_trust_model(text.substr(0, cut))) << cut;
  }
  EXPECT_FALSE(parse_trust_model(text + "more\n"));
  EXPECT_FALSE(parse_trust_model("palate trust model 1\nbias inf 0\n"));
}

TEST(TrustModel, IsPartOfWhatTheStateMeans) {
  FeatureConfig config;
  config.trust = true;
  const uint64_t built_in = config.fingerprint();
  config.trust_model = "hand-made";
  ASSERT_TRUE(load_trust_model(config));
  EXPECT_NE(config.fingerprint(), built_in);
  config.trust_model = "/nowhere/trust.txt";
  EXPECT_FALSE(load_trust_model(config));
}

TEST(FlaggedAccounts, AreReadWithTheTimeSinceWhen) {
  const auto flagged = parse_flagged("ann\nbob,2026-01-02T00:00:00Z\n\n");
  ASSERT_TRUE(flagged) << flagged.error().message;
  EXPECT_EQ(flagged->at("ann").us, 0);
  EXPECT_GT(flagged->at("bob").us, 0);
  const auto wrong = parse_flagged("ann\nbob,soon\n");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("line 2"), std::string::npos);
}

}  // namespace
}  // namespace palate
