#include "models/user_vectors.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace palate {
namespace {

UserVectors::Key key_of(uint64_t user, uint64_t taste) {
  UserVectors::Key key;
  key.user.words = {~user, (user + 1) * 0x9e3779b97f4a7c15U};
  key.taste = taste;
  return key;
}

TEST(UserVectors, GivesBackWhatWasKeptForThatHistoryOnly) {
  UserVectors vectors(2, 1 << 20);
  float got[2] = {};
  EXPECT_EQ(vectors.find(key_of(1, 5), got), std::nullopt);
  const float kept[2] = {1, 2};
  vectors.keep(key_of(1, 5), kept);
  EXPECT_EQ(vectors.find(key_of(1, 5), got), true);
  EXPECT_EQ(got[1], 2);
  EXPECT_EQ(vectors.has(key_of(1, 5)), true);
  EXPECT_EQ(vectors.find(key_of(1, 6), got), std::nullopt) << "he has done something since";
  vectors.keep(key_of(1, 6), nullptr);
  EXPECT_EQ(vectors.find(key_of(1, 6), got), false);
  EXPECT_EQ(vectors.has(key_of(1, 5)), std::nullopt);
}

TEST(UserVectors, NobodyIsNotKept) {
  UserVectors vectors(1, 1 << 20);
  const float kept = 1;
  float got = 0;
  vectors.keep({.user = {}, .taste = 5}, &kept);
  EXPECT_EQ(vectors.find({.user = {}, .taste = 5}, &got), std::nullopt);
}

TEST(UserVectors, ForgetsWhenItIsFullAndIsNeverWrong) {
  UserVectors vectors(1, 4096);
  size_t known = 0;
  for (uint64_t user = 0; user < 10'000; ++user) {
    const auto value = static_cast<float>(user);
    vectors.keep(key_of(user, user), &value);
    float got = -1;
    ASSERT_EQ(vectors.find(key_of(user, user), &got), true);
    ASSERT_EQ(got, value);
  }
  for (uint64_t user = 0; user < 10'000; ++user) {
    float got = -1;
    if (!vectors.find(key_of(user, user), &got)) continue;
    ++known;
    ASSERT_EQ(got, static_cast<float>(user));
  }
  EXPECT_GT(known, 0u);
  EXPECT_LT(known, 4096 / sizeof(float));
}

TEST(UserVectors, VectorsAreWholeBesideAWriter) {
  constexpr size_t kDim = 64;
  UserVectors vectors(kDim, 1 << 16);
  std::atomic<bool> done = false, torn = false;
  std::thread writer([&] {
    std::vector<float> value(kDim);
    for (uint64_t round = 0; round < 20'000; ++round) {
      std::fill(value.begin(), value.end(), static_cast<float>(round));
      vectors.keep(key_of(round % 8, 1), value.data());
    }
    done = true;
  });
  std::vector<float> got(kDim);
  for (uint64_t user = 0; !done; ++user) {
    if (!vectors.find(key_of(user % 8, 1), got.data()).value_or(false)) continue;
    for (const float value : got) torn = torn || value != got.front();
  }
  writer.join();
  EXPECT_FALSE(torn);
}

TEST(TasteHash, IsOfItemsAndPreferencesInOrder) {
  std::vector<HistoryEntry> history(2);
  history[0].item = {1};
  history[1].item = {2};
  history[0].preference = history[1].preference = 1;
  const uint64_t before = taste_hash(history);
  history[1].ts.us = 7;
  EXPECT_EQ(taste_hash(history), before);
  history[1].preference = 2;
  EXPECT_NE(taste_hash(history), before);
  history[1].preference = 1;
  std::swap(history[0], history[1]);
  EXPECT_NE(taste_hash(history), before);
  EXPECT_NE(taste_hash(std::span(history).first(1)), taste_hash({}));
}

}  // namespace
}  // namespace palate
