// The laws of the world: what attracts, what satisfies, and when a click happens.
//
// A slot s (from 0) is looked at with probability theta = (s + 1)^-position_bias. What is looked at
// and attracts is clicked; what does not attract is clicked with probability trust / (s + 1)
// because of its place (Agarwal et al., "Addressing Trust Bias for Unbiased Learning-to-Rank",
// WWW 2019, section 4). So P(click | s) = alpha · attraction + beta (Vardasbi, Oosterhuis, de
// Rijke, "When Inverse Propensity Scoring does not Work", CIKM 2020, section 3), with
// alpha = theta (1 - trust / (s + 1)) and beta = theta · trust / (s + 1).
#pragma once

#include <array>

#include "simulate/truth/catalogue.h"
#include "simulate/truth/people.h"

namespace palate {

inline constexpr size_t kTopicsMax = 16;

// A user at one moment, in one mood or in the mix of all.
struct Viewer {
  TasteVector taste{};
  std::array<float, kTopicsMax> season{};  // on the logit of attraction, by category
  uint32_t creator = 0;
  uint8_t language = 0, second_language = 0;
  double day = 0;
};

class Laws {
 public:
  Laws(const SimulateConfig& config, const ItemCatalogue& items, const People& people,
       int64_t start_us);

  [[nodiscard]] double examination(int slot) const;
  [[nodiscard]] double alpha(int slot) const;
  [[nodiscard]] double beta(int slot) const;
  [[nodiscard]] Viewer viewer(uint32_t user, const PersonTastes& tastes, size_t mood,
                              double day) const;
  // Probabilities.
  [[nodiscard]] double attraction(const Viewer& viewer, uint32_t item) const;
  [[nodiscard]] double satisfaction(const Viewer& viewer, uint32_t item) const;
  // The same on average over the user's moods.
  [[nodiscard]] double attraction_of(uint32_t user, uint32_t item, double day) const;
  [[nodiscard]] double satisfaction_of(uint32_t user, uint32_t item, double day) const;
  // What the logit of attraction gains in the category's season.
  [[nodiscard]] double season(uint32_t category, double day) const;
  // Probability that a user served so well leaves after a visit.
  [[nodiscard]] double churn(double served) const;

 private:
  [[nodiscard]] double fit(const Viewer& viewer, const ItemNature& item) const;
  const SimulateConfig& config_;
  const ItemCatalogue& items_;
  const People& people_;
  double start_day_of_year_;
  std::array<double, 100> theta_{};
};

}  // namespace palate
