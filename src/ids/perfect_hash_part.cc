#include "ids/perfect_hash_part.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "base/check.h"
#include "ids/perfect_hash_format.h"

namespace palate::perfect_hash {
namespace {

constexpr double kKeysPerBucket = 4.25;
constexpr uint64_t kKeysPerPart = uint64_t{1} << 18;
constexpr size_t kWindow = 256;        // buckets among which the largest comes next
constexpr size_t kBucketKeysMax = 16;  // larger ones are bumped: one in 100,000
constexpr size_t kPieces = 4;          // of a hash that a seed chooses from

// By how many buckets a bucket of a size may come before its turn: 80 times the root of the size,
// measured over 1 M keys in buckets of 4.5: 3.3 % bumped, 3.8 % with 30 times the size.
constexpr std::array<uint32_t, kBucketKeysMax + 1> kHeadStart{
    0, 80, 113, 139, 160, 179, 196, 212, 226, 240, 253, 265, 277, 288, 299, 310, 320};

class PartBuilder {
 public:
  PartBuilder(const Shape& shape, std::span<const Hash128> hashes, std::span<uint8_t> seeds)
      : shape_(shape),
        seeds_(seeds),
        starts_(shape.starts(hashes.size())),
        keys_(hashes.size()),
        sorted_(hashes.size()),
        used_(hashes.size() / 64 + 2) {
    sort(hashes);
  }

  BuiltPart build() {
    size_t next = 0;
    while (true) {
      const size_t lowest = lowest_waiting(next);
      for (; next < shape_.buckets && next < lowest + kWindow; ++next) wait(next);
      const size_t size = most_urgent();
      if (size == 0 && next == shape_.buckets) break;
      if (size == 0) continue;  // a window of empty buckets
      Queue& queue = waiting_[size];
      place(queue.buckets[queue.first++]);
      if (out_.duplicate) return std::move(out_);
    }
    for (uint64_t slot = 0; slot < keys_; ++slot) {
      if ((used_[slot / 64] >> (slot % 64) & 1) == 0) out_.free.push_back(slot);
    }
    return std::move(out_);
  }

 private:
  // The buckets of one size that wait for their seeds, ascending.
  struct Queue {
    std::vector<uint32_t> buckets;
    size_t first = 0;
    [[nodiscard]] bool empty() const { return first == buckets.size(); }
    [[nodiscard]] uint32_t front() const { return buckets[first]; }
  };

  [[nodiscard]] uint64_t place_of(const Hash128& hash) const {
    return hash.words[0] * shape_.parts;
  }
  [[nodiscard]] std::span<Hash128> bucket(size_t b) const {
    return {sorted_.data() + begin_[b], begin_[b + 1] - begin_[b]};
  }

  void sort(std::span<const Hash128> hashes) {
    begin_.assign(shape_.buckets + 2, 0);
    for (const Hash128& hash : hashes) ++begin_[multiply(place_of(hash), shape_.buckets).high + 2];
    for (size_t b = 2; b < begin_.size(); ++b) begin_[b] += begin_[b - 1];
    for (const Hash128& hash : hashes) {
      sorted_.data()[begin_[multiply(place_of(hash), shape_.buckets).high + 1]++] = hash;
    }
  }

  void wait(size_t b) {
    const size_t size = bucket(b).size();
    if (size > kBucketKeysMax) bump(b);
    if (size == 0 || size > kBucketKeysMax) return;
    waiting_[size].buckets.push_back(static_cast<uint32_t>(b));
  }

  [[nodiscard]] size_t lowest_waiting(size_t next) const {
    size_t lowest = next;
    for (const Queue& queue : waiting_) {
      if (!queue.empty()) lowest = std::min<size_t>(lowest, queue.front());
    }
    return lowest;
  }

  // The size of the bucket that comes next; 0 when none waits.
  [[nodiscard]] size_t most_urgent() const {
    size_t best = 0;
    int64_t turn_of_best = 0;
    for (size_t size = 1; size <= kBucketKeysMax; ++size) {
      if (waiting_[size].empty()) continue;
      const int64_t turn = int64_t{waiting_[size].front()} - kHeadStart[size];
      if (best == 0 || turn < turn_of_best) best = size, turn_of_best = turn;
    }
    return best;
  }

  void bump(size_t b) {
    const auto keys = bucket(b);
    out_.bumped.insert(out_.bumped.end(), keys.begin(), keys.end());
    if (auto twice = find_duplicate(keys)) out_.duplicate = twice;
  }

  [[nodiscard]] uint64_t used_from(uint64_t slot) const {
    const uint64_t word = slot / 64, bit = slot % 64;
    return used_[word] >> bit | used_[word + 1] << 1 << (63 - bit);
  }

  // Gives the bucket the seed whose slots are free and, on average, lowest.
  void place(size_t b) {
    const auto keys = bucket(b);
    std::array<uint64_t, kBucketKeysMax> start, slot, best_slot;
    for (size_t i = 0; i < keys.size(); ++i) start[i] = multiply(place_of(keys[i]), starts_).high;
    uint64_t best = ~uint64_t{0};
    for (size_t piece = 0; piece < kPieces; ++piece) {
      uint64_t sum = 0;
      // Seed 0 says that the bucket was bumped, so the first shift of the first piece is taken.
      uint64_t taken = piece == 0 ? 1 : 0;
      for (size_t i = 0; i < keys.size(); ++i) {
        slot[i] = start[i] + (keys[i].words[1] >> piece * shape_.slice_bits &
                              ((uint64_t{1} << shape_.slice_bits) - 1));
        sum += slot[i];
        taken |= used_from(slot[i]);
      }
      if (taken == ~uint64_t{0}) continue;
      const auto shift = static_cast<uint64_t>(std::countr_one(taken));
      sum += shift * keys.size();
      if (sum >= best || two_agree({slot.data(), keys.size()})) continue;
      best = sum;
      seeds_[b] = static_cast<uint8_t>(piece * kShifts + shift);
      for (size_t i = 0; i < keys.size(); ++i) best_slot[i] = slot[i] + shift;
    }
    if (best == ~uint64_t{0}) return bump(b);
    for (size_t i = 0; i < keys.size(); ++i) {
      used_[best_slot[i] / 64] |= uint64_t{1} << (best_slot[i] % 64);
    }
  }

  static bool two_agree(std::span<const uint64_t> slots) {
    bool agree = false;
    for (size_t i = 1; i < slots.size(); ++i) {
      for (size_t j = 0; j < i; ++j) agree |= slots[i] == slots[j];
    }
    return agree;
  }

  const Shape& shape_;
  std::span<uint8_t> seeds_;
  uint64_t starts_, keys_;
  HashBuffer sorted_;                              // by bucket
  std::vector<uint32_t> begin_;                    // of each bucket in sorted_
  std::vector<uint64_t> used_;                     // a bit a slot, and a word behind
  std::array<Queue, kBucketKeysMax + 1> waiting_;  // by size
  BuiltPart out_;
};

}  // namespace

uint64_t Shape::starts(uint64_t part_keys) const {
  const uint64_t behind = (uint64_t{1} << slice_bits) + kShifts - 2;
  return part_keys > behind ? part_keys - behind : 0;
}

Shape shape_of(uint64_t keys) {
  Shape shape{.keys = keys};
  shape.parts = std::max<uint64_t>(1, (keys + kKeysPerPart / 2) / kKeysPerPart);
  const uint64_t part_keys = keys / shape.parts;
  shape.buckets = static_cast<uint64_t>(std::ceil(static_cast<double>(part_keys) / kKeysPerBucket));
  // A slice must be short beside the part, and long beside the keys that want to be in it.
  shape.slice_bits = part_keys >= 65'536  ? 10
                     : part_keys >= 8'192 ? 9
                     : part_keys >= 1'024 ? 7
                     : part_keys >= 512   ? 6
                                          : 4;
  return shape;
}

BuiltPart build_part(const Shape& shape, std::span<const Hash128> hashes,
                     std::span<uint8_t> seeds) {
  PALATE_CHECK(shape.starts(hashes.size()) > 0 && seeds.size() == shape.buckets,
               "a part needs keys for a slice, and a seed for each bucket");
  return PartBuilder(shape, hashes, seeds).build();
}

std::optional<Hash128> find_duplicate(std::span<Hash128> hashes) {
  std::sort(hashes.begin(), hashes.end());
  const auto found = std::adjacent_find(hashes.begin(), hashes.end());
  return found == hashes.end() ? std::nullopt : std::optional(*found);
}

}  // namespace palate::perfect_hash
