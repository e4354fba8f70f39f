#include "ids/perfect_hash.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "ids/perfect_hash_format.h"

namespace palate {
namespace {

using namespace perfect_hash;  // NOLINT(google-build-using-namespace): its own format

constexpr size_t kTogether = 64;  // keys whose seeds are fetched before the first is used

// Cuts words off the front.
class Cutter {
 public:
  explicit Cutter(std::span<const uint64_t> words) : left_(words) {}
  Result<std::span<const uint64_t>> take(uint64_t count) {
    if (count > left_.size()) return fail(Code::kCorrupt, "a perfect hash is cut off");
    const auto taken = left_.first(count);
    left_ = left_.subspan(count);
    return taken;
  }
  Result<EliasFano> take_list() {
    const auto list = TRY(EliasFano::view(left_));
    left_ = left_.subspan(list.words_used());
    return list;
  }
  [[nodiscard]] bool empty() const { return left_.empty(); }

 private:
  std::span<const uint64_t> left_;
};

Hash128 hash_of(const Hash128& hash) { return hash; }
Hash128 hash_of(uint64_t key) { return spread(key); }

}  // namespace

PerfectHash::PerfectHash() {
  static constexpr uint8_t kBumped = 0;
  static constexpr Part kNoPart;
  auto levels = std::make_shared<std::vector<Level>>(1);
  levels->front().seeds = &kBumped;
  levels->front().part = &kNoPart;
  levels_ = std::move(levels);
  first_ = levels_->data();
}

Result<PerfectHash> PerfectHash::view(std::span<const uint64_t> words) {
  Cutter cutter(words);
  const auto head = TRY(cutter.take(kHeadWords));
  if (head[0] != kMagic) return fail(Code::kCorrupt, "there is no perfect hash");
  if (const auto format = static_cast<uint32_t>(head[1]); format != kFormat) {
    return fail(Code::kUnsupportedVersion,
                "a perfect hash of format {}, this version of palate reads {}", format, kFormat);
  }
  const uint64_t count = head[1] >> 32;
  if (count > kLevelsMax) return fail(Code::kCorrupt, "a perfect hash of {} levels", count);
  auto levels = std::make_shared<std::vector<Level>>(count);
  uint64_t expected = head[2];
  for (Level& level : *levels) {
    const auto shape = TRY(cutter.take(kLevelWords));
    level.keys = shape[0], level.parts = shape[1], level.buckets = shape[2];
    const uint64_t seeds_max = words.size() * sizeof(uint64_t);
    if (level.keys != expected || level.parts == 0 || level.parts > words.size() ||
        level.buckets == 0 || level.buckets > seeds_max / level.parts || shape[3] > kSliceBitsMax) {
      return fail(Code::kCorrupt, "the levels of a perfect hash do not fit together");
    }
    level.slice_bits = static_cast<uint32_t>(shape[3]);
    const auto parts = TRY(cutter.take(level.parts * kPartWords));
    level.part = reinterpret_cast<const Part*>(parts.data());
    const uint64_t behind = (uint64_t{1} << level.slice_bits) + kShifts - 2;
    for (const Part& part : std::span(level.part, level.parts)) {
      if (part.starts == 0 || part.begin > level.keys || part.starts > level.keys ||
          part.begin + part.starts + behind > level.keys) {
        return fail(Code::kCorrupt, "a part of a perfect hash lies outside it");
      }
    }
    const auto seeds = TRY(cutter.take((level.parts * level.buckets + 7) / 8));
    level.seeds = reinterpret_cast<const uint8_t*>(seeds.data());
    level.free = TRY(cutter.take_list());
    expected = level.free.size();
    if (level.free.universe() != level.keys || expected > level.keys) {
      return fail(Code::kCorrupt, "the levels of a perfect hash do not fit together");
    }
  }
  PerfectHash hash;
  hash.rest_ = TRY(cutter.take(head[3]));
  if (hash.rest_.size() != expected || !cutter.empty()) {
    return fail(Code::kCorrupt, "a perfect hash has keys too many or too few");
  }
  hash.keys_ = head[2];
  hash.words_ = words;
  if (count == 0) return hash;
  hash.first_ = levels->data();
  hash.levels_ = std::move(levels);
  return hash;
}

uint64_t PerfectHash::find_from(const Hash128& hash, size_t level) const {
  if (level == levels_->size()) {
    const auto found = std::lower_bound(rest_.begin(), rest_.end(), hash.words[0]);
    return static_cast<uint64_t>(found - rest_.begin());
  }
  const Level& at = (*levels_)[level];
  const Place place = place_of(at, hash);
  return *place.seed == 0 ? find_bumped(hash, level) : slot_of(at, place, *place.seed);
}

// What the next level says is a place in the list of the slots that are free here.
uint64_t PerfectHash::find_bumped(const Hash128& hash, size_t level) const {
  const Level& at = (*levels_)[level];
  if (at.keys == 0) {  // too few keys for any level
    return rest_.empty() ? 0 : std::min<uint64_t>(find_from(hash, level + 1), rest_.size() - 1);
  }
  const uint64_t number = find_from(again(hash), level + 1);
  return at.free.size() == 0 ? 0 : at.free.at(std::min(number, at.free.size() - 1));
}

// Each step of find_bumped() for all keys before the next step, so that they wait for memory
// together.
template <class Key>
void PerfectHash::find_all_bumped(std::span<const Key> keys, std::span<const uint32_t> bumped,
                                  uint64_t* numbers) const {
  const EliasFano& free = first_->free;
  if (levels_->size() < 2 || free.size() == 0) {
    for (const uint32_t i : bumped) numbers[i] = find_bumped(hash_of(keys[i]), 0);
    return;
  }
  const Level& next = (*levels_)[1];
  for (const uint32_t i : bumped) {
    __builtin_prefetch(place_of(next, again(hash_of(keys[i]))).seed);
  }
  for (const uint32_t i : bumped) {
    numbers[i] = std::min(find_from(again(hash_of(keys[i])), 1), free.size() - 1);
    free.prefetch(numbers[i]);
  }
  for (const uint32_t i : bumped) numbers[i] = free.at(numbers[i]);
}

// Block by block: one loop has the seeds fetched, the next one uses them, and the few keys that
// were bumped come last, so that no branch of the first two depends on the data.
template <class Key>
void PerfectHash::find_each(std::span<const Key> keys, std::span<uint64_t> out) const {
  PALATE_CHECK(keys.size() == out.size(), "as many numbers as keys");
  const Level& level = *first_;
  std::array<Place, kTogether> places;
  std::array<uint32_t, kTogether> bumped;
  for (size_t begin = 0; begin < keys.size(); begin += kTogether) {
    const auto block = keys.subspan(begin, std::min(kTogether, keys.size() - begin));
    uint64_t* numbers = out.data() + begin;
    for (size_t i = 0; i < block.size(); ++i) {
      places[i] = place_of(level, hash_of(block[i]));
      __builtin_prefetch(places[i].seed);
    }
    size_t bumped_count = 0;
    for (size_t i = 0; i < block.size(); ++i) {
      const uint8_t seed = *places[i].seed;
      numbers[i] = slot_of(level, places[i], seed);
      bumped[bumped_count] = static_cast<uint32_t>(i);
      bumped_count += seed == 0 ? 1 : 0;
    }
    find_all_bumped(block, std::span(bumped).first(bumped_count), numbers);
  }
}

void PerfectHash::find_many(std::span<const Hash128> hashes, std::span<uint64_t> out) const {
  find_each(hashes, out);
}
void PerfectHash::find_many(std::span<const uint64_t> keys, std::span<uint64_t> out) const {
  find_each(keys, out);
}

}  // namespace palate
