// A minimal perfect hash: n keys, given by their 128-bit hashes, to the numbers below n, each to
// one of its own, in about 2.15 bits a key (3.3 for ten thousand). It keeps no keys: a hash that
// was not among them gives some number below n, which the caller has to verify (ids/dictionary.h
// does).
//
// PHast+ (Beling and Sanders, "PHast - Perfect Hashing made fast", ALENEX 2026, arXiv 2504.17918):
// hashes fall into buckets of 4.25 on average (section 3); a bucket's 8-bit seed says where in a
// short slice of the slots its keys go (additive placement, found 64 shifts at a time, section 4);
// buckets get their seeds in order of size within a sliding window; what finds no free slots is
// bumped, gets a smaller function of its own, and through a list the slots that stayed free. The
// slots are cut into parts by the hash (Groot Koerkamp, "PtrHash", SEA 2025, section 3.1), which
// makes building parallel, cache-friendly, and possible beyond memory.
//
// The bytes follow from the set of hashes alone: not from their order, nor from threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "base/result.h"
#include "base/threads.h"
#include "ids/elias_fano.h"

namespace palate {

// A product of 128 bits.
struct Product {
  uint64_t high, low;
};
inline Product multiply(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide wide = static_cast<Wide>(a) * b;
  return {static_cast<uint64_t>(wide >> 64), static_cast<uint64_t>(wide)};
}

// The hash of a key of 64 bits. Different keys have different hashes.
inline Hash128 spread(uint64_t key) {
  constexpr uint64_t kMix = 0x9e3779b97f4a7c15, kOdd = 0xd6e8feb86659fd93;
  const auto [high, low] = multiply(key ^ kMix, kOdd);
  return {{high ^ low, low ^ low >> 32}};
}

// Immutable, thread-safe, cheap to copy.
class PerfectHash {
 public:
  PerfectHash();  // of no keys
  // Hashes must be distributed as a good hash function does it, keys must be different. Errors:
  // kAlreadyExists (two keys are the same: says which), kCancelled.
  static Result<PerfectHash> build(std::span<const Hash128> hashes, ThreadPool& pool,
                                   std::stop_token stop = {});
  // The same over spread(key).
  static Result<PerfectHash> build(std::span<const uint64_t> keys, ThreadPool& pool,
                                   std::stop_token stop = {});
  // Over words() of another one, which must live as long. Errors: kCorrupt, kUnsupportedVersion.
  // Damage inside the words gives wrong numbers, never one of size() or above.
  static Result<PerfectHash> view(std::span<const uint64_t> words);

  [[nodiscard]] uint64_t size() const { return keys_; }
  [[nodiscard]] std::span<const uint64_t> words() const { return words_; }  // what to save

  // The number of a key; 0 where there are no keys.
  [[nodiscard]] uint64_t find(const Hash128& hash) const {
    const Level& level = *first_;
    const Place place = place_of(level, hash);
    return *place.seed == 0 ? find_bumped(hash, 0) : slot_of(level, place, *place.seed);
  }
  // The same for many, which hides the time that memory takes. Sizes must agree.
  void find_many(std::span<const Hash128> hashes, std::span<uint64_t> out) const;
  void find_many(std::span<const uint64_t> keys, std::span<uint64_t> out) const;

 private:
  friend class PerfectHashBuilder;
  static constexpr uint32_t kShiftBits = 6;  // of a seed; the two above them choose the piece

  struct Part {
    uint64_t begin = 0;   // its first slot
    uint64_t starts = 1;  // how many slots of it a slice can start at
  };
  struct Level {
    uint64_t keys = 0, parts = 1, buckets = 1;  // buckets of a part
    uint32_t slice_bits = 0;
    const Part* part = nullptr;
    const uint8_t* seeds = nullptr;
    EliasFano free;  // slots that no key of this level got, for those of the next
  };

  // Where a hash falls: its bucket's seed, the first slot of its slice, and what chooses in it.
  struct Place {
    const uint8_t* seed;
    uint64_t slice, pieces;
  };
  static Place place_of(const Level& level, const Hash128& hash) {
    const auto [number, within] = multiply(hash.words[0], level.parts);
    const uint8_t* seeds = level.seeds + number * level.buckets;
    const Part& part = level.part[number];
    return {seeds + multiply(within, level.buckets).high,
            part.begin + multiply(within, part.starts).high, hash.words[1]};
  }
  // Two bits of the seed choose bits of the hash's second word, the other six are added.
  static uint64_t slot_of(const Level& level, const Place& place, uint32_t seed) {
    const uint64_t piece = place.pieces >> (seed >> kShiftBits) * level.slice_bits;
    return place.slice + (piece & ((uint64_t{1} << level.slice_bits) - 1)) +
           (seed & ((1U << kShiftBits) - 1));
  }

  // The number that the levels from `level` on give the hash as they know it; the same for a key
  // that `level` has no slot for.
  [[nodiscard]] uint64_t find_from(const Hash128& hash, size_t level) const;
  [[nodiscard]] uint64_t find_bumped(const Hash128& hash, size_t level) const;
  template <class Key>
  void find_all_bumped(std::span<const Key> keys, std::span<const uint32_t> bumped,
                       uint64_t* numbers) const;
  template <class Key>
  void find_each(std::span<const Key> keys, std::span<uint64_t> out) const;

  uint64_t keys_ = 0;
  std::shared_ptr<const std::vector<Level>> levels_;  // at least one
  const Level* first_ = nullptr;
  std::span<const uint64_t> rest_;  // hashes of the keys that no level took, ascending
  std::span<const uint64_t> words_;
  std::shared_ptr<const std::vector<uint64_t>> own_;  // of words_, unless it is a view
};

struct PerfectHashOptions {
  uint64_t keys = 0;            // how many will be added, exactly
  size_t memory_bytes_max = 0;  // 0: all hashes stay in memory; else about one byte a key more
  Path spill_directory = {};    // where they go that do not fit
};

// Builds from hashes that come one after the other. Not thread-safe.
class PerfectHashBuilder {
 public:
  static Result<PerfectHashBuilder> create(const PerfectHashOptions& options);
  PerfectHashBuilder(PerfectHashBuilder&&) noexcept;
  ~PerfectHashBuilder();  // removes what it spilled

  // Errors: kNoSpace, kIo where it spills.
  Status add(const Hash128& hash);
  // Once, after all were added. Errors: kAlreadyExists (duplicate() says what), kCancelled, kIo.
  Result<PerfectHash> build(ThreadPool& pool, std::stop_token stop = {});
  // The hash that came twice, after build() failed with kAlreadyExists.
  [[nodiscard]] std::optional<Hash128> duplicate() const;

 private:
  friend class PerfectHash;
  struct State;
  explicit PerfectHashBuilder(std::unique_ptr<State> state);
  template <class Key>
  static Result<PerfectHash> build_all(std::span<const Key> keys, ThreadPool& pool,
                                       std::stop_token stop);
  std::unique_ptr<State> state_;
};

}  // namespace palate
