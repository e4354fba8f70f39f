// Streams of random numbers: what is drawn for one user, item or visit never shifts what is drawn
// for another, so that a part of the world is the same whichever other parts are made.
#pragma once

#include <cstdint>

#include "math/philox.h"

namespace palate {

enum class Draw : uint64_t {
  kItem = 1,
  kSeries,
  kTopic,
  kUser,
  kTaste,
  kLaterTaste,
  kDay,    // how often and when a user comes on a day
  kVisit,  // what a user does
  kSlate,  // what the world's own policy shows
  kAttack,
};

// At most 2^32 owners with 2^24 parts each.
inline Philox stream(uint64_t seed, Draw draw, uint64_t owner, uint64_t part = 0) {
  return Philox(seed, static_cast<uint64_t>(draw) << 56 | owner << 24 | (part & 0xffffff));
}

// What the world's own policy draws a page with.
inline Philox own_policy_stream(uint64_t seed, uint32_t user, uint32_t visit, uint8_t page) {
  return stream(seed, Draw::kSlate, user, uint64_t{visit} << 7 | page);
}

}  // namespace palate
