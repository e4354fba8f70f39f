// Batches of examples in a seeded order, read ahead by several threads. Shards may be larger than
// memory: rows are taken in blocks that lie together, the blocks in a random order, and mixed
// within a window. The order is a pure function of (seed, epoch), whatever the number of readers.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "dataset/examples.h"

namespace palate {

// A permutation of [0, size) as a function: a Feistel network over the next power of four, walked
// along until it comes out below `size` (Black and Rogaway, "Ciphers with arbitrary finite
// domains", CT-RSA 2002, section 4). Not a cipher; good enough to shuffle by.
class Permutation {
 public:
  Permutation(uint64_t size, uint64_t key);                 // size > 0
  [[nodiscard]] uint64_t operator()(uint64_t place) const;  // place < size

 private:
  uint64_t size_, key_;
  uint32_t half_bits_;
};

struct BatchOptions {
  size_t rows = 4096;  // a batch; the last one has what is left
  bool shuffle = true;
  uint64_t seed = 1;
  size_t readers = 1;
  size_t block_rows = 1024;              // that lie together
  size_t window_rows = size_t{1} << 20;  // that are mixed
};

// Rows of all columns side by side, in the order of the schema.
struct ExampleBatch {
  size_t rows = 0;
  std::vector<std::vector<uint32_t>> ids;
  std::vector<std::vector<uint32_t>> starts;  // rows + 1 where the column has many, else empty
  std::vector<std::vector<float>> numbers;
  std::vector<std::vector<float>> labels;
  std::vector<float> weights;
};

// Which row an epoch reads at a place.
class EpochOrder {
 public:
  EpochOrder(uint64_t rows, const BatchOptions& options, uint64_t epoch);
  [[nodiscard]] uint64_t row(uint64_t place) const;

 private:
  uint64_t rows_, block_, window_, full_blocks_, key_;
  bool shuffle_;
};

// The batches of one epoch. next() is for one thread; the readers are its own.
class ExampleBatches {
 public:
  // Precondition: shards have one schema, and together a row.
  ExampleBatches(std::vector<Examples> shards, const BatchOptions& options, uint64_t epoch);
  ~ExampleBatches();
  ExampleBatches(const ExampleBatches&) = delete;
  ExampleBatches& operator=(const ExampleBatches&) = delete;

  [[nodiscard]] size_t batches() const { return batches_; }
  // The next batch, valid until the call after it; nullptr at the end.
  const ExampleBatch* next();

 private:
  struct Slot {
    ExampleBatch batch;
    size_t index = SIZE_MAX;  // of the batch that is in it
    bool full = false;
  };
  void read(std::stop_token stop);
  void fill(size_t index, ExampleBatch& batch) const;

  std::vector<Examples> shards_;
  std::vector<uint64_t> first_row_;  // of each shard, and the end
  BatchOptions options_;
  EpochOrder order_;
  size_t batches_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Slot> slots_;
  size_t taken_ = 0;                   // batches that a reader has taken on
  size_t handed_ = 0;                  // batches that next() has given out
  std::vector<std::jthread> readers_;  // last: they stop before what they use goes
};

}  // namespace palate
