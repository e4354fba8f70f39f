#include "models/demographic/demographic.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "math/philox.h"
#include "math/rows.h"
#include "models/contract.h"
#include "models/demographic/train.h"

namespace palate {
namespace {

TEST(Demographic, TraitsAreWhatIsSaid) {
  UserRecord profile;
  const std::vector<std::string> named{"plan"};
  EXPECT_TRUE(traits_of(profile, named).empty());
  profile.region = "NO";
  profile.age_band = "25-34";
  profile.survey["likes"] = "jazz";
  profile.attributes["plan"] = "free";
  profile.attributes["street"] = "secret";
  EXPECT_EQ(traits_of(profile, named).size(), 4U);
  EXPECT_EQ(traits_of(profile, {}).size(), 3U);
  UserRecord other;  // the same word says something else elsewhere
  other.language = "NO";
  EXPECT_NE(traits_of(other, {}), traits_of(
                                      [] {
                                        UserRecord r;
                                        r.region = "NO";
                                        return r;
                                      }(),
                                      {}));
}

TEST(Demographic, ClustersAreThoseWhoSayTheSame) {
  TraitUsers users{4, {}};
  for (uint32_t i = 0; i < 30; ++i)
    users.rows.push_back(i % 3 == 0 ? std::vector{0U, 1U} : std::vector{2U, 3U});
  const auto two = cluster_traits(users, {.clusters = 2});
  for (uint32_t i = 0; i < 30; ++i) EXPECT_EQ(two.of[i] == two.of[0], i % 3 == 0) << i;
  // Two kinds of rows make no three clusters.
  EXPECT_EQ(cluster_traits(users, {.clusters = 3}).centres.size(), two.centres.size());
}

// What a cluster of one liked would be what that one liked.
TEST(Demographic, NoClusterIsOfAFew) {
  Philox random(5);
  for (int trial = 0; trial < 50; ++trial) {
    constexpr size_t kTraits = 6;
    TraitUsers users{kTraits, {}};
    const size_t rows = 1 + random.below(60), users_min = 1 + random.below(8);
    for (size_t i = 0; i < rows; ++i) {
      std::vector<uint32_t> row;
      for (uint32_t trait = 0; trait < kTraits; ++trait) {
        if (random.below(trait + 2) == 0) row.push_back(trait);
      }
      if (row.empty()) row.push_back(0);
      users.rows.push_back(row);
    }
    const auto found = cluster_traits(users, {.clusters = 12, .users_min = users_min});
    const size_t clusters = found.centres.size() / padded(kTraits);
    ASSERT_EQ(found.of.size(), rows);
    for (uint32_t cluster = 0; cluster < clusters; ++cluster) {
      const auto size = static_cast<size_t>(std::ranges::count(found.of, cluster));
      EXPECT_TRUE(clusters == 1 || size >= users_min) << "trial " << trial;
      // The centre is the mean of its rows.
      std::vector<double> sums(kTraits, 0.0);
      for (size_t i = 0; i < rows; ++i) {
        if (found.of[i] != cluster) continue;
        for (const uint32_t trait : users.rows[i]) sums[trait] += 1;
      }
      for (size_t trait = 0; trait < kTraits; ++trait) {
        const double centre = found.centres[cluster * padded(kTraits) + trait];
        EXPECT_NEAR(centre, sums[trait] / static_cast<double>(size), 1e-5) << "trial " << trial;
      }
    }
  }
}

TEST(Demographic, AnswersWithoutAHistory) {
  const PlantedWorld world(3);
  TrainOptions options;
  options.configs.demographic.prior_users = 5;  // few users, so little of the average taste
  const auto trained = train_for_test("demographic", DatasetView(world.data), options);
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_TRUE(trained->model->info().cold_users);
  Scratch scratch;
  for (const uint32_t user : {0U, 1U}) {
    Query query;
    query.profile = &PlantedWorld::profile_of_user(user);
    const TopKRequest request{query, {}, 10};
    const auto lists = trained->model->top_k({&request, 1}, scratch);
    for (const Scored& item : lists[0]) {
      EXPECT_EQ(PlantedWorld::group_of_item(item.item), user);
    }
  }
  Query stranger;
  UserRecord elsewhere;
  elsewhere.region = "JP";
  stranger.profile = &elsewhere;
  EXPECT_FALSE(trained->model->can_answer(stranger));
}

// What too few say must not be in the artefact: it could name somebody.
TEST(Demographic, WhatFewSayIsNotKept) {
  const PlantedWorld world(3);
  TrainOptions options;
  options.configs.demographic.users_min = 27;  // of each language there are 53 or 54
  const auto all = train_for_test("demographic", DatasetView(world.data), options);
  options.configs.demographic.users_min = 60;  // … and of each region 80
  const auto fewer = train_for_test("demographic", DatasetView(world.data), options);
  ASSERT_TRUE(all && fewer);
  EXPECT_EQ(all->artefact->vector<uint64_t>("traits")->size(), 4U);
  EXPECT_EQ(fewer->artefact->vector<uint64_t>("traits")->size(), 2U);
  options.profiles = false;
  EXPECT_EQ(train_for_test("demographic", DatasetView(world.data), options).error().code,
            Code::kInvalidArgument);
}

}  // namespace
}  // namespace palate
