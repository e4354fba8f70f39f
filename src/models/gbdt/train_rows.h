// Examples as the rows that trees read.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dataset/examples.h"
#include "infer/trees_model.h"

namespace palate {

// A feature for every column but `group`: one id is a category, many ids their count, each number a
// number.
std::vector<TreeFeature> tree_features(const ExampleSchema& schema, std::string_view group);

// The columns that features are read from, found once. Errors: kInvalidArgument with the column
// that the examples lack.
class TreeRows {
 public:
  static Result<TreeRows> of(const Examples& examples, const std::vector<TreeFeature>& features);
  // Appends the features of a row.
  void append(size_t row, std::vector<float>& out) const;

 private:
  struct Reader {
    TreeFeature feature;
    size_t column = 0;
  };
  explicit TreeRows(Examples examples) : examples_(std::move(examples)) {}
  Examples examples_;
  std::vector<Reader> readers_;
};

// Errors: kInvalidArgument where there is no such column of one id each.
Result<size_t> group_column(const ExampleSchema& schema, std::string_view group);

}  // namespace palate
