// One thing that a user of the world does or is shown, in 32 bytes; emit.h makes events of them.
#pragma once

#include <cstdint>

#include "events/event.h"

namespace palate {

enum class Happened : uint8_t { kImpression, kClick, kWatch, kLike, kDislike, kRating, kSurvey };
inline constexpr uint8_t kNoPage = 0xff;  // came on its own, without a slate

struct Happening {
  int64_t us = 0;  // after the world's start
  uint32_t user = 0;
  uint32_t item = 0;
  uint32_t visit = 0;  // of the user, from 0
  float value = static_cast<float>(kNoValue);
  int16_t slot = static_cast<int16_t>(kNoSlot);
  uint8_t page = kNoPage;  // of the visit, from 0
  Happened type = Happened::kImpression;
  uint8_t device = 0;
  bool randomized = false;  // the page was drawn uniformly
};
static_assert(sizeof(Happening) == 32);

}  // namespace palate
