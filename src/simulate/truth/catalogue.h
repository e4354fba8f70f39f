// What items are: topic, vector in the space of tastes, quality, promise, creator, series, length,
// language, regions, release, and the moment at which some become hits.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "events/event.h"
#include "math/philox.h"
#include "simulate/simulate_config.h"

namespace palate {

inline constexpr size_t kTasteDims = 8;
using TasteVector = std::array<float, kTasteDims>;

struct Region {
  std::string_view code;
  uint8_t language;  // index into kLanguages
  int8_t utc_offset_h;
};
inline constexpr Region kRegions[] = {{"US", 0, -5}, {"GB", 0, 0}, {"IN", 0, 5}, {"DE", 1, 1},
                                      {"AT", 1, 1},  {"CH", 1, 1}, {"ES", 2, 1}, {"MX", 2, -6}};
inline constexpr std::string_view kLanguages[] = {"en", "de", "es"};
inline constexpr uint32_t kNoSeries = UINT32_MAX;
inline constexpr float kNeverDay = 1e30F;

struct ItemNature {
  TasteVector vector{};       // length 1
  float quality = 0;          // standard normal; what satisfies
  float bait = 0;             // standard normal; what attracts without satisfying
  float popularity = 0;       // standard normal; the weight is exp(popularity_spread · popularity)
  float length_s = 600;       // of a whole watch
  float released_day = 0;     // days after the start; 0: was there before
  float hit_day = kNeverDay;  // when it breaks out
  uint32_t creator = 0;
  uint32_t series = kNoSeries;
  uint32_t title = 0;  // number of the title within its category; parts of a series share it
  uint16_t part = 0;   // of the series, from 1; 0: none
  uint8_t category = 0;
  uint8_t language = 0;
  uint8_t regions = 0xff;  // bit r: may be shown in kRegions[r]
};

class ItemCatalogue {
 public:
  explicit ItemCatalogue(const SimulateConfig& config);
  [[nodiscard]] const std::vector<ItemNature>& natures() const { return natures_; }
  [[nodiscard]] const std::vector<uint32_t>& hits() const { return hits_; }
  // The next part of the item's series; the item itself at the end of it or without one.
  [[nodiscard]] uint32_t next_part(uint32_t item) const;
  [[nodiscard]] ItemRecord record(uint32_t item, TimeUs start) const;
  // How much of a hit the item is on `day`: 0 before it breaks out, then up to nearly 1 within
  // hours and down again over days.
  [[nodiscard]] double buzz(uint32_t item, double day) const;

 private:
  std::vector<ItemNature> natures_;
  std::vector<uint32_t> hits_;
};

// The middle of a category in the space of tastes; length 1.
TasteVector topic_vector(uint64_t seed, uint32_t category);
// `middle` with noise of that size, at length 1.
TasteVector near_vector(Philox& random, const TasteVector& middle, float noise);
// "u00001" of user 0.
std::string numbered_id(char prefix, uint64_t index);
uint32_t creators_count();

}  // namespace palate
