#include "learn/sampled_softmax.h"

#include <cmath>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "math/philox.h"

namespace palate {
namespace {

struct Drawn {
  std::vector<float> users, items, log_q;
  std::vector<int64_t> targets;
  static constexpr int64_t kRows = 5, kColumns = 7, kWidth = 3;
  explicit Drawn(uint64_t seed) {
    Philox random(seed);
    for (int64_t i = 0; i < kRows * kWidth; ++i)
      users.push_back(static_cast<float>(random.normal()));
    for (int64_t i = 0; i < kColumns * kWidth; ++i) {
      items.push_back(static_cast<float>(random.normal()));
    }
    for (int64_t i = 0; i < kColumns; ++i) {
      log_q.push_back(static_cast<float>(-3 * random.uniform()));
    }
    for (int64_t i = 0; i < kRows; ++i) targets.push_back(random.below(kColumns));
  }
  [[nodiscard]] SampledColumns columns(double temperature) const {
    return {at::tensor(log_q), targets, {}, temperature};
  }
  [[nodiscard]] at::Tensor user_matrix() const { return at::tensor(users).view({kRows, kWidth}); }
  [[nodiscard]] at::Tensor item_matrix() const {
    return at::tensor(items).view({kColumns, kWidth});
  }
  // The definition, in double.
  [[nodiscard]] double expected(double temperature,
                                std::span<const std::pair<uint32_t, uint32_t>> left_out) const {
    double sum = 0;
    for (int64_t r = 0; r < kRows; ++r) {
      double total = 0, own = 0;
      for (int64_t c = 0; c < kColumns; ++c) {
        double logit = 0;
        for (int64_t d = 0; d < kWidth; ++d) {
          logit += double{users[static_cast<size_t>(r * kWidth + d)]} *
                   items[static_cast<size_t>(c * kWidth + d)];
        }
        logit = logit / temperature - log_q[static_cast<size_t>(c)];
        bool out = false;
        for (const auto& [row, column] : left_out) out = out || (row == r && column == c);
        if (!out) total += std::exp(logit);
        if (c == targets[static_cast<size_t>(r)]) own = logit;
      }
      sum += std::log(total) - own;
    }
    return sum;
  }
};

TEST(SampledSoftmax, IsItsDefinition) {
  for (const double temperature : {0.2, 1.0}) {
    const Drawn drawn(3);
    const auto loss =
        sampled_softmax_loss(drawn.user_matrix(), drawn.item_matrix(), drawn.columns(temperature));
    EXPECT_NEAR(loss.item<double>(), drawn.expected(temperature, {}), 1e-4);
  }
}

TEST(SampledSoftmax, WhatIsNoNegativeDoesNotCount) {
  const Drawn drawn(4);
  SampledColumns columns = drawn.columns(1);
  std::vector<std::pair<uint32_t, uint32_t>> left_out;
  for (uint32_t row = 0; row < Drawn::kRows; ++row) {
    left_out.emplace_back(row, static_cast<uint32_t>((drawn.targets[row] + 1) % Drawn::kColumns));
  }
  columns.not_negative = left_out;
  const at::Tensor items = drawn.item_matrix().set_requires_grad(true);
  const auto loss = sampled_softmax_loss(drawn.user_matrix(), items, columns);
  EXPECT_NEAR(loss.item<double>(), drawn.expected(1, left_out), 1e-4);
  loss.backward();
  EXPECT_TRUE(at::isfinite(items.grad()).all().item<bool>());
}

// With the correction, what is learnt is the softmax over all items: its expected gradient is that
// of the whole, however often an item is drawn.
TEST(SampledSoftmax, TheCorrectionUndoesHowOftenItemsAreDrawn) {
  constexpr int64_t kItems = 4;
  const std::vector<double> likes{0.4, 0.3, 0.2, 0.1};  // of one user
  at::Tensor bias = at::zeros({kItems, 1}), user = at::ones({1, 1});
  at::set_num_threads(1);
  Philox random(9);
  const std::vector<double> drawn{0.9, 0.5, 0.2, 0.1};  // the chance to be among the columns
  double rate = 0.1;
  for (int step = 0; step < 6000; ++step, rate *= 0.9992) {
    double at = random.uniform();
    size_t liked = 0;
    while (liked + 1 < likes.size() && at >= likes[liked]) at -= likes[liked++];
    std::vector<int64_t> columns;
    std::vector<float> log_q;
    std::vector<int64_t> target{-1};
    for (size_t item = 0; item < likes.size(); ++item) {
      if (item != liked && random.uniform() >= drawn[item]) continue;
      if (item == liked) target[0] = static_cast<int64_t>(columns.size());
      columns.push_back(static_cast<int64_t>(item));
      log_q.push_back(static_cast<float>(std::log(drawn[item])));
    }
    const at::Tensor rows = bias.index_select(0, at::tensor(columns)).set_requires_grad(true);
    sampled_softmax_loss(user, rows, {at::tensor(log_q), target, {}, 1}).backward();
    bias.index_add_(0, at::tensor(columns), -rate * rows.grad());
  }
  const at::Tensor learnt = at::softmax(bias.squeeze(1), 0);
  for (int64_t item = 0; item < kItems; ++item) {
    EXPECT_NEAR(learnt[item].item<double>(), likes[static_cast<size_t>(item)], 0.05) << item;
  }
}

TEST(SampledSoftmax, InclusionIsAChance) {
  EXPECT_NEAR(log_inclusion(0.5, 1, 0, 10), std::log(0.5), 1e-9);
  EXPECT_NEAR(log_inclusion(0, 100, 1, 10), std::log(0.1), 1e-9);
  EXPECT_NEAR(log_inclusion(1, 1, 0, 10), 0, 1e-9);
  EXPECT_NEAR(log_inclusion(0.2, 3, 2, 4), std::log(1 - std::pow(0.8, 3) * std::pow(0.75, 2)),
              1e-9);
  EXPECT_TRUE(std::isfinite(log_inclusion(0, 10, 0, 10)));  // an item that no batch can have
  EXPECT_NEAR(log_inclusion(1, 5, 5, 1), 0, 1e-9);          // the only item is always there
}

}  // namespace
}  // namespace palate
