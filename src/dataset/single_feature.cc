#include "dataset/single_feature.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "math/judgement.h"

namespace palate {

std::vector<SingleFeature> single_features(const Examples& examples,
                                           std::span<const std::vector<std::string>> names,
                                           size_t rows_max) {
  const ExampleSchema& schema = examples.schema();
  PALATE_CHECK(names.size() == schema.numbers.size(), "names for each column of numbers");
  const size_t step = std::max<size_t>(1, examples.rows() / std::max<size_t>(1, rows_max));
  std::vector<SingleFeature> found;
  std::vector<double> values;
  std::vector<uint8_t> happened;
  for (size_t column = 0; column < schema.numbers.size(); ++column) {
    PALATE_CHECK(names[column].size() == schema.numbers[column].width, "a name for each number");
    for (size_t place = 0; place < names[column].size(); ++place) {
      for (size_t label = 0; label < schema.labels.size(); ++label) {
        values.clear();
        happened.clear();
        for (size_t row = 0; row < examples.rows(); row += step) {
          const float value = examples.numbers(column, row)[place];
          const float outcome = examples.label(label)[row];
          if (!std::isfinite(value) || std::isnan(outcome)) continue;
          values.push_back(value);
          happened.push_back(outcome > 0.5F ? 1 : 0);
        }
        const double area = auc(values, happened).value_or(0.5);
        found.push_back({names[column][place], schema.labels[label], std::max(area, 1 - area)});
      }
    }
  }
  std::ranges::stable_sort(found, std::greater{}, &SingleFeature::auc);
  return found;
}

}  // namespace palate
