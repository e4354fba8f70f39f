// What users are: several tastes, how often they come, patience, languages, when they sign up and
// when their taste changes. And what a run has made of them so far.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "events/event.h"
#include "simulate/truth/catalogue.h"

namespace palate {

inline constexpr size_t kMoods = 3;
inline constexpr std::array<float, kMoods> kMoodShares = {0.5F, 0.3F, 0.2F};
inline constexpr size_t kRemembered = 8;
inline constexpr float kServedUsual =
    0.53F;  // what users of the world's own policy are served like

enum class Malice : uint8_t { kNone, kFarm, kBomber, kSleeper, kFlood };

struct UserNature {
  float activity = 1;    // mean 1
  float signup_day = 0;  // negative: before the world begins; of newcomers the earliest
  float drift_day = kNeverDay;
  float patience = 0;  // logit of asking for a second page
  uint8_t region = 0;
  uint8_t second_language = 0;
  Malice malice = Malice::kNone;
};

// The tastes of a user at a time; mood k rules a share kMoodShares[k] of visits.
struct PersonTastes {
  std::array<TasteVector, kMoods> moods;
  std::array<uint8_t, kMoods> topics;
  uint32_t creator = 0;  // a favourite
};

inline constexpr int64_t kNotYet = INT64_MAX;

// What changes while the world runs.
struct PersonState {
  float served = kServedUsual;  // how well, 0 to 1: an average that forgets
  uint32_t visits = 0;
  int64_t busy_until_us = 0;    // after the world's start
  int64_t joined_us = kNotYet;  // after the world's start; negative: before it
  bool left = false;
  uint8_t remembered = 0, next = 0;
  std::array<uint32_t, kRemembered> items{};  // watched last, a ring
  uint32_t liked = kNoSeries;                 // the last item that satisfied
  [[nodiscard]] bool knows(uint32_t item) const {
    for (size_t i = 0; i < remembered; ++i) {
      if (items[i] == item) return true;
    }
    return false;
  }
  void remember(uint32_t item) {
    if (knows(item)) return;
    items[next] = item;
    next = static_cast<uint8_t>((next + 1) % kRemembered);
    if (remembered < kRemembered) ++remembered;
  }
};

class People {
 public:
  // `attackers` accounts with their kinds come after config.users people.
  People(const SimulateConfig& config, std::vector<Malice> attackers);
  [[nodiscard]] const std::vector<UserNature>& natures() const { return natures_; }
  [[nodiscard]] size_t residents() const { return residents_; }  // users [0, residents)
  [[nodiscard]] size_t honest() const { return honest_; }        // newcomers up to here
  [[nodiscard]] PersonTastes tastes(uint32_t user, double day) const;
  [[nodiscard]] UserRecord record(uint32_t user) const;

 private:
  uint64_t seed_;
  size_t residents_, honest_;
  std::vector<UserNature> natures_;
  std::vector<TasteVector> topics_;
};

}  // namespace palate
