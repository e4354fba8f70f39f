#include "models/item_retrieval.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>

#include <gmock/gmock.h>

#include "math/bits.h"

namespace palate {
namespace {

constexpr size_t kDim = 16;

// Random vectors, of which the last few items were never seen in training.
struct Table {
  std::vector<float> vectors;
  std::vector<uint32_t> seen;

  explicit Table(size_t items) : seen(items, 1) {
    std::mt19937_64 dice(7);
    std::normal_distribution<float> normal;
    for (size_t i = 0; i < items * kDim; ++i) vectors.push_back(normal(dice));
    for (size_t i = 0; i < std::min<size_t>(5, items / 2); ++i) seen[items - 1 - i] = 0;
  }
  [[nodiscard]] RowsView rows() const { return {vectors.data(), seen.size(), kDim}; }
  [[nodiscard]] ItemRetrieval retrieval(int64_t nearly_from = 0) const {
    return {rows(), {.seen = seen, .nearly_from = nearly_from, .who = "als 000001"}};
  }
  // The plain twin: every cosine in double.
  [[nodiscard]] std::vector<uint32_t> like(const SimilarTo& request) const {
    const auto cosine = [&](uint32_t i) {
      double product = 0, square = 0;
      for (size_t d = 0; d < kDim; ++d) {
        const double value = rows().row(i)[d];
        product += value * rows().row(request.item.value)[d];
        square += value * value;
      }
      return product / std::sqrt(square);
    };
    std::vector<std::pair<double, uint32_t>> all;
    for (uint32_t i = 0; i < seen.size(); ++i) {
      if (seen[i] == 0 || i == request.item.value || request.filter.blocks(ItemIx{i})) continue;
      all.emplace_back(-cosine(i), i);
    }
    std::ranges::sort(all);
    std::vector<uint32_t> items;
    for (const auto& [minus, item] : std::span(all).first(std::min(request.k, all.size()))) {
      items.push_back(item);
    }
    return items;
  }
};

std::vector<uint32_t> numbers(const Result<std::vector<Scored>>& list) {
  std::vector<uint32_t> items;
  for (const Scored& one : *list) items.push_back(one.item.value);
  return items;
}

std::vector<uint64_t> blocking(size_t items, double share, uint64_t seed) {
  std::mt19937_64 dice(seed);
  std::vector<uint64_t> bits((items + 63) / 64);
  for (size_t i = 0; i < items; ++i) {
    if (std::generate_canonical<double, 32>(dice) < share) bits[i / 64] |= uint64_t{1} << (i % 64);
  }
  return bits;
}

// Whether a list was kept before, whatever is asked next, and with filters that let nearly all,
// some or nothing of it through: always the same as a plain sort.
TEST(ItemRetrieval, WhatIsLikeAnItemIsTheSameColdAndKept) {
  for (const size_t items : {40U, 900U}) {
    const Table table(items);
    const ItemRetrieval retrieval = table.retrieval();
    Scratch scratch;
    std::vector<std::vector<uint64_t>> filters{{}};
    for (const double share : {0.05, 0.6, 0.97, 1.0}) filters.push_back(blocking(items, share, 3));
    std::mt19937_64 dice(items);
    for (int round = 0; round < 60; ++round) {
      std::vector<SimilarTo> requests;
      for (int r = 0; r < 4; ++r) {
        const size_t k = std::array<size_t, 5>{1, 10, 30, 128, 400}[dice() % 5];
        const ItemIx item{static_cast<uint32_t>(dice() % 20)};
        requests.push_back({item, {filters[dice() % filters.size()]}, k, dice() % 2 == 0});
      }
      const auto lists = retrieval.similar_batch(requests, scratch);
      for (size_t r = 0; r < requests.size(); ++r) {
        ASSERT_TRUE(lists[r]);
        EXPECT_EQ(numbers(lists[r]), table.like(requests[r])) << "k " << requests[r].k;
      }
    }
  }
}

// Nearly the best are asked for or not, in any order: each gets what he would get first.
TEST(ItemRetrieval, WhoAskedBeforeChangesNothing) {
  const Table table(3000);
  Scratch scratch;
  const ItemRetrieval fresh = table.retrieval(1000), used = table.retrieval(1000);
  for (uint32_t i = 0; i < 40; ++i) {
    const SimilarTo nearly{ItemIx{i}, {}, 30, true}, all{ItemIx{i}, {}, 30, false};
    used.similar_batch({i % 2 == 0 ? &all : &nearly, 1}, scratch);
    const auto a = used.similar_batch({&nearly, 1}, scratch);
    const auto b = fresh.similar_batch({&nearly, 1}, scratch);
    EXPECT_EQ(numbers(a.front()), numbers(b.front())) << i;
    EXPECT_EQ(numbers(used.similar_batch({&all, 1}, scratch).front()), table.like(all)) << i;
  }
}

TEST(ItemRetrieval, WhatWasNeverSeenHasNoNeighbours) {
  const Table table(100);
  Scratch scratch;
  const SimilarTo request{ItemIx{99}, {}, 10};
  const auto list = table.retrieval().similar_batch({&request, 1}, scratch);
  ASSERT_FALSE(list.front());
  EXPECT_THAT(list.front().error().message, testing::HasSubstr("als 000001"));
}

TEST(NeighbourLists, WhatIsKeptForOneKindIsNotGivenToTheOther) {
  NeighbourLists lists(10);
  std::vector<Scored> found;
  EXPECT_FALSE(lists.find(ItemIx{3}, NeighbourLists::Best::kNearly, found));
  const std::vector<Scored> some{{ItemIx{1}, 2.0F}, {ItemIx{7}, 1.0F}};
  lists.keep(ItemIx{3}, NeighbourLists::Best::kNearly, some);
  EXPECT_FALSE(lists.find(ItemIx{3}, NeighbourLists::Best::kAll, found));
  ASSERT_TRUE(lists.find(ItemIx{3}, NeighbourLists::Best::kNearly, found));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].item, ItemIx{7});
  lists.keep(ItemIx{3}, NeighbourLists::Best::kAll, std::span(some).first(1));
  EXPECT_FALSE(lists.find(ItemIx{3}, NeighbourLists::Best::kNearly, found));
  ASSERT_TRUE(lists.find(ItemIx{3}, NeighbourLists::Best::kAll, found));
  EXPECT_EQ(found.size(), 1U);
}

// Two sets of four: what is asked for again and again outlives a crowd that comes once.
TEST(NeighbourLists, ForgetsWhatNobodyAsksFor) {
  NeighbourLists lists(1000, 9000);
  std::vector<Scored> found;
  const auto keep = [&](uint32_t item) {
    const std::vector<Scored> list{{ItemIx{item + 1}, 1.0F}};
    lists.keep(ItemIx{item}, NeighbourLists::Best::kAll, list);
  };
  const auto has = [&](uint32_t item) {
    return lists.find(ItemIx{item}, NeighbourLists::Best::kAll, found);
  };
  for (uint32_t item = 0; item < 8; ++item) keep(item);  // room for all of them
  for (uint32_t item = 0; item < 8; ++item) EXPECT_TRUE(has(item)) << item;
  size_t kept = 0;
  for (uint32_t item = 8; item < 1000; ++item) {
    if (!has(0)) keep(0);
    keep(item);
    kept += has(0) ? 1 : 0;
  }
  EXPECT_GT(kept, 950U);
}

TEST(NeighbourLists, ManyThreads) {
  NeighbourLists lists(64, 40'000);
  std::atomic<size_t> wrong = 0;
  std::vector<std::jthread> threads;
  for (uint32_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      std::vector<Scored> found;
      for (uint32_t step = 0; step < 5000; ++step) {
        const ItemIx item{(step * 7 + thread) % 64};
        const std::vector<Scored> list(1 + item.value % 5, {item, 1.0F});
        lists.keep(item, NeighbourLists::Best::kAll, list);
        const ItemIx other{(step * 13) % 64};
        if (!lists.find(other, NeighbourLists::Best::kAll, found)) continue;
        const bool right = found.size() == 1 + other.value % 5 &&
                           std::ranges::count(found, other, &Scored::item) == std::ssize(found);
        wrong += right ? 0 : 1;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace palate
