#include "ids/perfect_hash.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "ids/elias_fano.h"

namespace palate {
namespace {

using testing::HasSubstr;

std::vector<uint64_t> random_keys(size_t count, uint64_t seed) {
  std::vector<uint64_t> keys(count);
  for (size_t i = 0; i < count; ++i) keys[i] = hash64(std::to_string(i), seed);
  return keys;
}

std::vector<Hash128> spread_all(std::span<const uint64_t> keys) {
  std::vector<Hash128> hashes;
  for (const uint64_t key : keys) hashes.push_back(spread(key));
  return hashes;
}

// Every number below size() belongs to one key, one by one and streamed.
void expect_perfect(const PerfectHash& hash, std::span<const uint64_t> keys) {
  ASSERT_EQ(hash.size(), keys.size());
  std::vector<uint64_t> numbers(keys.size());
  hash.find_many(keys, numbers);
  std::vector<bool> seen(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    ASSERT_EQ(hash.find(spread(keys[i])), numbers[i]);
    ASSERT_LT(numbers[i], keys.size());
    ASSERT_FALSE(seen[numbers[i]]) << "key " << i;
    seen[numbers[i]] = true;
  }
}

class PerfectHashOf : public testing::TestWithParam<size_t> {};

TEST_P(PerfectHashOf, KeysIsABijection) {
  const auto keys = random_keys(GetParam(), 1);
  ThreadPool pool(2);
  expect_perfect(PerfectHash::build(keys, pool).value(), keys);
}

// Around each change of the layout: no level, one, two; each width of a slice; one part, two, many.
INSTANTIATE_TEST_SUITE_P(Sizes, PerfectHashOf,
                         testing::Values(0, 1, 2, 3, 127, 128, 129, 200, 511, 512, 1023, 1024, 5000,
                                         8191, 8192, 65'535, 65'536, 393'215, 393'216, 1'000'000));

TEST(PerfectHash, KeysThatAreNoRandomNumbers) {
  ThreadPool pool(2);
  for (const uint64_t step :
       {uint64_t{1}, uint64_t{1} << 10, uint64_t{1} << 32, uint64_t{1} << 44}) {
    std::vector<uint64_t> keys(300'000);
    for (size_t i = 0; i < keys.size(); ++i) keys[i] = i * step;
    expect_perfect(PerfectHash::build(keys, pool).value(), keys);
  }
}

TEST(PerfectHash, BitsPerKeyAreFew) {
  ThreadPool pool(2);
  const auto bits = [&](size_t keys) {
    const auto hash = PerfectHash::build(random_keys(keys, 2), pool).value();
    return static_cast<double>(hash.words().size_bytes()) * 8 / static_cast<double>(keys);
  };
  EXPECT_LE(bits(1'000'000), 2.2);
  EXPECT_LE(bits(100'000), 2.35);
  EXPECT_LE(bits(10'000), 3.5);
}

TEST(PerfectHash, BytesFollowFromTheSetAloneNotFromOrderOrThreads) {
  auto keys = random_keys(600'000, 3);
  ThreadPool one(1), three(3);
  const auto first = PerfectHash::build(keys, one).value();
  std::reverse(keys.begin(), keys.end());
  const auto second = PerfectHash::build(keys, three).value();
  EXPECT_TRUE(std::ranges::equal(first.words(), second.words()));
}

TEST(PerfectHash, BuilderGivesTheSameBytesInMemoryAndBeyondIt) {
  const auto keys = random_keys(800'000, 4);  // three parts
  const auto hashes = spread_all(keys);
  ThreadPool pool(2);
  const auto whole = PerfectHash::build(hashes, pool).value();
  const Path directory = testing::TempDir() + "palate_perfect_hash_spill";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  for (const size_t memory : {size_t{0}, size_t{8} << 20}) {
    auto builder = PerfectHashBuilder::create(
        {.keys = keys.size(), .memory_bytes_max = memory, .spill_directory = directory});
    ASSERT_TRUE(builder);
    for (const Hash128& hash : hashes) ASSERT_TRUE(builder->add(hash));
    EXPECT_EQ(std::filesystem::is_empty(directory), memory == 0);
    const auto built = builder->build(pool);
    ASSERT_TRUE(built) << built.error().message;
    EXPECT_TRUE(std::ranges::equal(built->words(), whole.words()));
    builder = std::unexpected(Error{});  // gone
    EXPECT_TRUE(std::filesystem::is_empty(directory));
  }
}

TEST(PerfectHash, SmallSetsThroughTheBuilderToo) {
  ThreadPool pool(1);
  for (const size_t count : {0, 1, 100, 128, 1000}) {
    const auto keys = random_keys(count, 5);
    auto builder = PerfectHashBuilder::create({.keys = count}).value();
    for (const uint64_t key : keys) builder.add(spread(key)).value();
    expect_perfect(builder.build(pool).value(), keys);
  }
}

TEST(PerfectHash, DuplicateKeysAreNamed) {
  ThreadPool pool(2);
  for (const size_t count : {10, 1000, 500'000}) {
    auto keys = random_keys(count, 6);
    keys[count - 1] = keys[count / 3];
    const auto built = PerfectHash::build(keys, pool);
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error().code, Code::kAlreadyExists);
    EXPECT_EQ(built.error().message,
              fmt::format("key {} is the same as key {}", count - 1, count / 3));
    auto builder = PerfectHashBuilder::create({.keys = count}).value();
    for (const uint64_t key : keys) builder.add(spread(key)).value();
    EXPECT_EQ(builder.build(pool).error().code, Code::kAlreadyExists);
    EXPECT_EQ(builder.duplicate(), spread(keys[count / 3]));
  }
}

TEST(PerfectHash, DuplicatesByTheThousandAreFoundToo) {
  ThreadPool pool(2);
  for (const size_t count : {100, 50'000, 600'000}) {
    const std::vector<uint64_t> keys(count, 17);
    EXPECT_EQ(PerfectHash::build(keys, pool).error().message, "key 1 is the same as key 0");
  }
  auto most = random_keys(50'000, 7);
  std::fill(most.begin(), most.begin() + 2000, 17);
  EXPECT_EQ(PerfectHash::build(most, pool).error().code, Code::kAlreadyExists);
}

TEST(PerfectHash, HashesThatAreNoneAreRefused) {
  ThreadPool pool(2);
  std::vector<Hash128> hashes;
  for (uint64_t i = 0; i < 600'000; ++i) hashes.push_back({{i, i}});
  const auto built = PerfectHash::build(hashes, pool);
  ASSERT_FALSE(built);
  EXPECT_THAT(built.error().message, HasSubstr("distributed"));
}

TEST(PerfectHash, StopsOnRequest) {
  ThreadPool pool(2);
  std::stop_source stop;
  stop.request_stop();
  const auto built = PerfectHash::build(random_keys(200'000, 8), pool, stop.get_token());
  EXPECT_EQ(built.error().code, Code::kCancelled);
}

TEST(PerfectHash, AViewAnswersLikeTheOriginal) {
  const auto keys = random_keys(20'000, 9);
  ThreadPool pool(2);
  const auto built = PerfectHash::build(keys, pool).value();
  const std::vector<uint64_t> words(built.words().begin(), built.words().end());
  expect_perfect(PerfectHash::view(words).value(), keys);
}

TEST(PerfectHash, AnotherFormatIsRefused) {
  ThreadPool pool(1);
  const auto built = PerfectHash::build(random_keys(1000, 10), pool).value();
  std::vector<uint64_t> words(built.words().begin(), built.words().end());
  ++words[1];
  EXPECT_EQ(PerfectHash::view(words).error().code, Code::kUnsupportedVersion);
  ++words[0];
  EXPECT_EQ(PerfectHash::view(words).error().code, Code::kCorrupt);
}

// What is cut off is refused; what is changed either is, or gives numbers in range.
RC_GTEST_PROP(PerfectHash, DamagedWordsNeverLeadOutside, (uint64_t seed)) {
  static const auto keys = random_keys(3000, 11);
  static const auto built = [] {
    ThreadPool pool(1);
    return PerfectHash::build(keys, pool).value();
  }();
  std::vector<uint64_t> words(built.words().begin(), built.words().end());
  RC_ASSERT(!PerfectHash::view(std::span<const uint64_t>(words).first(seed % words.size())));
  for (int i = 0; i < 3; ++i) {
    seed = hash64("next", seed);
    words[seed % words.size()] ^= uint64_t{1} << (seed >> 58);
  }
  const auto view = PerfectHash::view(words);
  if (!view) return;
  for (const uint64_t key : keys) RC_ASSERT(view->find(spread(key)) < view->size());
}

RC_GTEST_PROP(EliasFano, GivesBackWhatItWasGiven, ()) {
  const auto universe = *rc::gen::inRange<uint64_t>(1, uint64_t{1} << *rc::gen::inRange(1, 58));
  auto values = *rc::gen::container<std::vector<uint64_t>>(rc::gen::inRange<uint64_t>(0, universe));
  const size_t repeat = *rc::gen::inRange<size_t>(1, 40);
  const auto once = values;
  for (size_t i = 1; i < repeat; ++i) values.insert(values.end(), once.begin(), once.end());
  std::sort(values.begin(), values.end());
  std::vector<uint64_t> words{1, 2, 3};
  EliasFano::append(values, universe, words);
  const size_t used = words.size() - 3;
  words.push_back(99);
  const auto list = EliasFano::view(std::span<const uint64_t>(words).subspan(3)).value();
  RC_ASSERT(list.size() == values.size());
  RC_ASSERT(list.words_used() == used);
  for (size_t i = 0; i < values.size(); ++i) RC_ASSERT(list.at(i) == values[i]);
}

}  // namespace
}  // namespace palate
