// LightGBM's C API, loaded at run time: the few functions that training needs. Declared here after
// LightGBM 4's include/LightGBM/c_api.h, since the PyPI wheel has the library without its header;
// these have kept their form since version 2.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace palate {

// Rows to learn from. `groups`: how many rows each group has, for lambdarank; else empty.
struct TreeTable {
  size_t rows = 0, width = 0;
  std::vector<float> values;  // [rows, width], row-major
  std::vector<float> labels, weights;
  std::vector<int32_t> groups;
};

class LightGbm {
 public:
  // Errors: kUnavailable where the library cannot be loaded or lacks a function.
  static Result<std::shared_ptr<const LightGbm>> load(const std::string& path);
  ~LightGbm();

  // What the library holds, freed with it. Errors of all: kInvalidArgument with its message.
  struct Data;
  struct Model;
  // `categories`: the features that are ids. `like`: whose bins to use, or none.
  Result<std::shared_ptr<const Data>> data(const TreeTable& table, const std::string& parameters,
                                           std::span<const size_t> categories,
                                           const Data* like) const;
  // Trained on one, watched on the other.
  Result<std::shared_ptr<Model>> model(const Data& training, const Data& held_out,
                                       const std::string& parameters) const;
  // One tree more; false where no split is worth it any more.
  Result<bool> update(Model& model) const;
  // The metric on the data that is watched.
  Result<double> held_out(const Model& model) const;
  // The first `rounds` trees, as text.
  Result<std::string> text(const Model& model, int rounds) const;

 private:
  struct Functions;
  LightGbm();
  Status check(int status) const;
  void* library_ = nullptr;
  std::unique_ptr<Functions> functions_;
};

}  // namespace palate
