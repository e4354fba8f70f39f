#include "ids/elias_fano.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace palate {
namespace {

constexpr uint64_t kSampleEvery = 64;
constexpr size_t kHeadWords = 2;

struct Sizes {
  uint32_t low_bits = 0;
  size_t low = 0, high = 0, samples = 0;  // in words
};

Sizes sizes_of(uint64_t count, uint64_t universe) {
  Sizes sizes;
  if (count == 0) return sizes;
  sizes.low_bits = universe / count > 1 ? std::bit_width(universe / count) - 1 : 0;
  sizes.low = (count * sizes.low_bits + 63) / 64;
  sizes.high = (count + (universe >> sizes.low_bits) + 1 + 63) / 64;
  sizes.samples = (count + kSampleEvery - 1) / kSampleEvery;
  return sizes;
}

constexpr uint64_t kLowOfEachByte = 0x0101010101010101, kHighOfEachByte = 0x8080808080808080;
constexpr uint64_t kOnesOfNibble = 0x4332322132212110;  // four bits a nibble, from the lowest

// For each byte how many ones there are up to its end; the highest byte so has the word's ones.
// Arithmetic, since not every machine that this is built for counts bits in one instruction.
uint64_t ones_up_to_bytes(uint64_t word) {
  word -= word >> 1 & 0x5555555555555555;
  word = (word & 0x3333333333333333) + (word >> 2 & 0x3333333333333333);
  return ((word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f) * kLowOfEachByte;
}

// The place of a one that `before` others lie below (Vigna, "Broadword implementation of
// rank/select queries", WEA 2008, algorithm 2); `ones` are ones_up_to_bytes(word).
uint32_t place_of_one(uint64_t word, uint64_t ones, uint64_t before) {
  const uint64_t not_behind =
      ((before * kLowOfEachByte | kHighOfEachByte) - ones) & kHighOfEachByte;
  const auto byte_at = static_cast<uint32_t>((not_behind >> 7) * kLowOfEachByte >> 56) * 8;
  uint64_t left = before - (ones << 8 >> byte_at & 0xff);
  uint64_t byte = word >> byte_at & 0xff;
  // Into the upper half as long as the one lies there: 4 bits, 2 bits, 1 bit. No branch, since none
  // could be predicted.
  uint32_t place = byte_at;
  for (const uint32_t half : {4U, 2U, 1U}) {
    const uint64_t below = byte & ((uint64_t{1} << half) - 1);
    const uint64_t count = kOnesOfNibble >> (below * 4) & 0xf;
    const bool above = left >= count;
    left -= above ? count : 0;
    byte = above ? byte >> half : below;
    place += above ? half : 0;
  }
  return place;
}

uint64_t low_mask(uint32_t bits) { return (uint64_t{1} << bits) - 1; }

}  // namespace

void EliasFano::append(std::span<const uint64_t> values, uint64_t universe,
                       std::vector<uint64_t>& words) {
  const Sizes sizes = sizes_of(values.size(), universe);
  const size_t head = words.size();
  words.resize(head + kHeadWords + sizes.low + sizes.high + sizes.samples);
  words[head] = values.size();
  words[head + 1] = universe;
  uint64_t* low = words.data() + head + kHeadWords;
  uint64_t* high = low + sizes.low;
  uint64_t* samples = high + sizes.high;
  for (uint64_t i = 0; i < values.size(); ++i) {
    PALATE_CHECK(values[i] < universe && (i == 0 || values[i - 1] <= values[i]),
                 "the numbers must ascend and lie below the universe");
    const uint64_t place = (values[i] >> sizes.low_bits) + i;
    high[place / 64] |= uint64_t{1} << (place % 64);
    if (i % kSampleEvery == 0) samples[i / kSampleEvery] = place;
    if (sizes.low_bits == 0) continue;
    const uint64_t part = values[i] & low_mask(sizes.low_bits), bit = i * sizes.low_bits;
    low[bit / 64] |= part << (bit % 64);
    if (bit % 64 + sizes.low_bits > 64) low[bit / 64 + 1] |= part >> (64 - bit % 64);
  }
}

Result<EliasFano> EliasFano::view(std::span<const uint64_t> words) {
  if (words.size() < kHeadWords) return fail(Code::kCorrupt, "a list of numbers is cut off");
  EliasFano list;
  list.count_ = words[0];
  list.universe_ = words[1];
  // Either of them larger would overflow the sizes, and could not fit.
  if (list.count_ > words.size() * 64 || list.universe_ >> 58 != 0) {
    return fail(Code::kCorrupt, "a list of {} numbers does not fit its {} words", list.count_,
                words.size());
  }
  const Sizes sizes = sizes_of(list.count_, list.universe_);
  list.low_bits_ = sizes.low_bits;
  list.words_used_ = kHeadWords + sizes.low + sizes.high + sizes.samples;
  if (list.words_used_ > words.size() || (list.count_ > 0 && list.universe_ == 0)) {
    return fail(Code::kCorrupt, "a list of {} numbers does not fit its {} words", list.count_,
                words.size());
  }
  list.low_ = words.subspan(kHeadWords, sizes.low);
  list.high_ = words.subspan(kHeadWords + sizes.low, sizes.high);
  list.samples_ = words.subspan(kHeadWords + sizes.low + sizes.high, sizes.samples);
  return list;
}

void EliasFano::prefetch(uint64_t i) const {
  const uint64_t word = samples_[i / kSampleEvery] / 64;
  if (word < high_.size()) __builtin_prefetch(&high_[word]);
  if (low_bits_ != 0) __builtin_prefetch(&low_[i * low_bits_ / 64]);
}

uint64_t EliasFano::at(uint64_t i) const {
  uint64_t place = samples_[i / kSampleEvery];
  uint64_t left = i % kSampleEvery;
  size_t word = place / 64;
  if (word >= high_.size()) return 0;  // damaged
  uint64_t bits = high_[word] >> (place % 64) << (place % 64);
  uint64_t ones = ones_up_to_bytes(bits);
  while (ones >> 56 <= left) {
    left -= ones >> 56;
    if (++word == high_.size()) return 0;  // damaged
    bits = high_[word];
    ones = ones_up_to_bytes(bits);
  }
  place = word * 64 + place_of_one(bits, ones, left);
  uint64_t value = (place - i) << low_bits_;
  if (low_bits_ != 0) {
    const uint64_t bit = i * low_bits_;
    uint64_t part = low_[bit / 64] >> (bit % 64);
    if (bit % 64 + low_bits_ > 64) part |= low_[bit / 64 + 1] << (64 - bit % 64);
    value |= part & low_mask(low_bits_);
  }
  return std::min(value, universe_ - 1);
}

}  // namespace palate
