// How often something happened, each time halved per half-life, at three half-lives at once.
// Forward decay in fixed point as in item_popularity.h (Cormode et al., ICDE 2009, section III),
// packed so that all three fit one cache line: sixteen half-lives share a level, and an event of
// level k weighs 2^(place within the level) there. Integers that are only added, so order cannot
// change the bits; levels below the newest but one are dropped, whatever order they come in.
//
// What read() gives depends on levels at most one below that of `now` alone. So counts that were
// moved from one sum to another (an item changes its category) read the same as if they had been
// there from the beginning, as long as `now` is not before the newest event.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/byte_codec.h"
#include "base/time.h"

namespace palate {

inline constexpr size_t kHalfLives = 3;
inline constexpr std::array<int64_t, kHalfLives> kHalfLivesUs{3600 * kSecondUs, kDayUs, 7 * kDayUs};
inline constexpr std::array<std::string_view, kHalfLives> kHalfLifeNames{"1h", "1d", "7d"};
enum HalfLife : uint8_t { kHour, kDay, kWeek };

// A weight of an event, in so many parts: 256 is a whole event.
inline constexpr uint16_t kWholeWeight = 256;

class DecayedCounts {
 public:
  // One event at a time, for every sum that it goes to.
  struct Change {
    std::array<int32_t, kHalfLives> level{};
    std::array<int64_t, kHalfLives> amount{};
    // `weight` of kWholeWeight. A time of 0 or less says nothing of when: it counts at 1970.
    static Change of(TimeUs ts, uint16_t weight = kWholeWeight);
  };
  // What turns the sums into counts at one moment; one for many reads.
  struct Moment {
    explicit Moment(TimeUs now);
    std::array<int32_t, kHalfLives> level{};
    std::array<double, kHalfLives> here{}, before{};  // for the level of now, and the one below
  };

  void add(const Change& change);
  // All of `other`'s, added or taken away again.
  void merge(const DecayedCounts& other, int sign);
  [[nodiscard]] double read(HalfLife which, const Moment& moment) const {
    const int32_t newest = newest_[which];
    if (newest != moment.level[which]) return read_past(which, moment);
    // The common case of read_past(): something happened in the level of now.
    const auto odd = static_cast<size_t>(newest & 1);
    const auto& sums = sums_[which];
    return static_cast<double>(sums[odd ^ 1]) * moment.before[which] +
           static_cast<double>(sums[odd]) * moment.here[which];
  }
  [[nodiscard]] bool empty() const { return newest_[0] == kNone; }

  void encode(ByteWriter& out) const;
  // nullopt for what encode() does not write; `in` may have failed then.
  static std::optional<DecayedCounts> decode(ByteReader& in);
  bool operator==(const DecayedCounts&) const = default;

 private:
  static constexpr int32_t kNone = INT32_MIN;
  [[nodiscard]] double read_past(HalfLife which, const Moment& moment) const;
  void add_one(size_t which, int32_t level, int64_t amount);
  std::array<int32_t, kHalfLives> newest_{kNone, kNone, kNone};
  std::array<std::array<int64_t, 2>, kHalfLives> sums_{};  // level k at k mod 2
};
static_assert(sizeof(DecayedCounts) == 64);

}  // namespace palate
