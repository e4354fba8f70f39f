// What Examples point at, and the checks that both ways of making them share.
#pragma once

#include <any>
#include <memory>
#include <span>
#include <vector>

#include "dataset/examples.h"

namespace palate {

struct Examples::State {
  struct Ids {
    std::span<const uint32_t> values;
    std::span<const uint64_t> start;  // empty: one a row
  };
  ExampleSchema schema;
  size_t rows = 0;
  std::vector<Ids> ids;
  std::vector<std::span<const float>> numbers, labels;
  std::span<const float> weights;
  std::any owner;  // what the spans point into

  // What does not fit, as `code`.
  [[nodiscard]] Status check(Code code) const;
};

}  // namespace palate
