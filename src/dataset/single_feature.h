// How much one number alone says of an outcome. What says nearly everything is seldom a good
// feature and often the outcome itself, seen through another name.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "dataset/examples.h"

namespace palate {

inline constexpr double kLeakAuc = 0.95;  // of a single number: nobody is that easy to foresee

struct SingleFeature {
  std::string feature, label;
  // Of the rows whose number and label are known, whichever way round it orders: 0.5 to 1.
  double auc = 0.5;
  [[nodiscard]] bool suspicious() const { return auc >= kLeakAuc; }
};

// Of every number of every column and every label, the strongest first. `names`: of the numbers,
// column by column; as many as the columns are wide. Looks at `rows_max` rows, evenly spread.
std::vector<SingleFeature> single_features(const Examples& examples,
                                           std::span<const std::vector<std::string>> names,
                                           size_t rows_max = 100'000);

}  // namespace palate
