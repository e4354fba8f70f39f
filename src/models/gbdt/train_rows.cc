#include "models/gbdt/train_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace palate {
namespace {

template <class Columns>
size_t place_of(const Columns& columns, std::string_view name) {
  const auto found = std::ranges::find(columns, name, &Columns::value_type::name);
  return static_cast<size_t>(found - columns.begin());
}

// Whether the column holds what the feature reads.
bool fits(const TreeFeature& feature, const ExampleSchema& schema, size_t column) {
  if (feature.reading == TreeReading::kNumber) {
    return column < schema.numbers.size() && feature.place < schema.numbers[column].width;
  }
  return column < schema.ids.size() &&
         schema.ids[column].bag() == (feature.reading == TreeReading::kCount);
}

}  // namespace

std::vector<TreeFeature> tree_features(const ExampleSchema& schema, std::string_view group) {
  std::vector<TreeFeature> features;
  for (const IdColumn& column : schema.ids) {
    if (column.name == group || column.name.starts_with(kAside)) continue;
    features.push_back({column.name, column.bag() ? TreeReading::kCount : TreeReading::kId, 0});
  }
  for (const NumberColumn& column : schema.numbers) {
    for (uint32_t place = 0; place < column.width; ++place) {
      features.push_back({column.name, TreeReading::kNumber, place});
    }
  }
  return features;
}

Result<TreeRows> TreeRows::of(const Examples& examples, const std::vector<TreeFeature>& features) {
  TreeRows rows(examples);
  const ExampleSchema& schema = examples.schema();
  for (const TreeFeature& feature : features) {
    const bool number = feature.reading == TreeReading::kNumber;
    const size_t column =
        number ? place_of(schema.numbers, feature.column) : place_of(schema.ids, feature.column);
    if (!fits(feature, schema, column)) {
      return fail(Code::kInvalidArgument, "the trees read {} of '{}', which the examples lack",
                  number ? "numbers" : "ids", feature.column);
    }
    rows.readers_.push_back({feature, column});
  }
  return rows;
}

void TreeRows::append(size_t row, std::vector<float>& out) const {
  for (const auto& [feature, column] : readers_) {
    switch (feature.reading) {
      case TreeReading::kId:
        out.push_back(static_cast<float>(examples_.ids(column, row)[0]));
        break;
      case TreeReading::kCount:
        out.push_back(static_cast<float>(examples_.ids(column, row).size()));
        break;
      case TreeReading::kNumber: {
        const float number = examples_.numbers(column, row)[feature.place];
        out.push_back(std::isfinite(number) ? number : std::numeric_limits<float>::quiet_NaN());
      }
    }
  }
}

Result<size_t> group_column(const ExampleSchema& schema, std::string_view group) {
  const size_t column = place_of(schema.ids, group);
  if (column < schema.ids.size() && !schema.ids[column].many) return column;
  return fail(Code::kInvalidArgument,
              "the examples have no column '{}' of one id each, which names groups (trees.group)",
              group);
}

}  // namespace palate
