// The memory that training takes against what is predicted before it starts: never more, and not
// less than half of it. Measured in a process of its own, whose peak is its own.
#include "models/als/train_memory.h"

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/memory.h"
#include "math/philox.h"
#include "models/als/train_fit.h"

namespace palate {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PALATE_MEMORY_IS_THE_SANITIZERS
#endif
#endif

constexpr uint64_t kSlackBytes = uint64_t{64} << 20;

struct Shape {
  uint32_t users, items, per_user, factors;
};

SparseMatrix matrix_of(const Shape& shape) {
  SparseMatrix matrix;
  matrix.rows = shape.users;
  matrix.cols = shape.items;
  matrix.start.push_back(0);
  matrix.start.reserve(shape.users + 1);
  matrix.index.reserve(size_t{shape.users} * shape.per_user);
  matrix.value.reserve(size_t{shape.users} * shape.per_user);
  Philox random(1, 2);
  const uint32_t step = shape.items / shape.per_user;
  for (uint32_t user = 0; user < shape.users; ++user) {
    for (uint32_t n = 0; n < shape.per_user; ++n) {
      matrix.index.push_back(n * step + random.below(step));
      matrix.value.push_back(1);
    }
    matrix.start.push_back(matrix.index.size());
  }
  return matrix;
}

// Bytes at the peak beyond those before, of one fit.
uint64_t measure(const Shape& shape) {
  int ends[2];
  if (pipe(ends) != 0) return 0;
  const pid_t child = fork();
  if (child == 0) {
    ThreadPool pool(2);
    const uint64_t before = peak_memory_bytes();
    const SparseMatrix matrix = matrix_of(shape);
    AlsFitOptions options;
    options.config.factors = static_cast<int>(shape.factors);
    options.config.iterations = 1;
    options.pool = &pool;
    const bool fitted = als_fit(matrix, options).has_value();
    const uint64_t bytes = fitted ? peak_memory_bytes() - before : 0;
    _exit(write(ends[1], &bytes, sizeof bytes) == sizeof bytes ? 0 : 1);
  }
  close(ends[1]);
  uint64_t bytes = 0;
  const bool told = read(ends[0], &bytes, sizeof bytes) == sizeof bytes;
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return told ? bytes : 0;
}

TEST(TrainMemory, AlsTakesWhatWasPredicted) {
#ifdef PALATE_MEMORY_IS_THE_SANITIZERS
  GTEST_SKIP() << "a sanitizer's own memory would be measured";
#endif
  const char* given = std::getenv("PALATE_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::printf("PALATE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);  // or every child says it again
  Philox random(seed, 0);
  for (int round = 0; round < 5; ++round) {
    const Shape shape{2'000 + random.below(50'000), 2'000 + random.below(50'000),
                      2 + random.below(30), 4 + random.below(124)};
    ModelConfigs configs;
    configs.als.factors = static_cast<int>(shape.factors);
    const uint64_t predicted = als_memory_bytes(
        {shape.users, shape.items, size_t{shape.users} * shape.per_user, 2}, configs);
    const uint64_t measured = measure(shape);
    const std::string note = fmt::format(
        "{} users, {} items, {} each, {} factors: predicted {} KiB, measured {} KiB", shape.users,
        shape.items, shape.per_user, shape.factors, predicted >> 10, measured >> 10);
    std::printf("%s\n", note.c_str());
    std::fflush(stdout);
    ASSERT_GT(measured, 0u) << note;
    EXPECT_LE(measured, predicted + kSlackBytes / 4) << note;
    EXPECT_LE(predicted, 2 * measured + kSlackBytes) << note;
  }
}

}  // namespace
}  // namespace palate
