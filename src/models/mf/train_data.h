// Ratings as the trainers of mf read them: by user and by item, less what is known of them before.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataset/dataset.h"
#include "models/mf/solver.h"

namespace palate {

// Users by items, or the other way round; the newest rating of each pair.
struct MfMatrix {
  size_t rows = 0, cols = 0;
  std::vector<uint64_t> start;  // rows + 1
  std::vector<uint32_t> index;  // column, ascending within a row
  std::vector<float> value;
  std::vector<TimeUs> ts;
  [[nodiscard]] MfRow row(size_t i) const {
    const uint64_t count = start[i + 1] - start[i];
    return {{index.data() + start[i], count}, {value.data() + start[i], count}};
  }
  [[nodiscard]] size_t size() const { return index.size(); }
  [[nodiscard]] MfMatrix transposed() const;
};

struct MfTriple {
  uint32_t user = 0, item = 0;
  float value = 0;
  TimeUs ts;
  float time_offset = 0;  // part of the prediction
};

struct MfData {
  MfMatrix by_user, by_item;         // values less `mean`
  std::vector<MfTriple> validation;  // values as they were given
  double mean = 0;
  float low = 0, high = 0;  // of all ratings
};

// Every rating of the view; the newest share of them (by time, else by a seeded draw) apart as
// validation. Errors: kInvalidArgument without a rating, or where none is left to train on.
struct MfDataOptions {
  double validation_share = 0;
  uint64_t seed = 1;
};
Result<MfData> read_mf_data(const DatasetView& view, const MfDataOptions& options);

// Subtracts the offsets of time from the values of both matrices (models/mf/time_offsets.h).
struct MfTimeOffsets;
void subtract_time(const MfTimeOffsets& offsets, MfData& data);
MfTimeOffsets fit_time_offsets(const MfData& data, size_t bins, double shrinkage);

}  // namespace palate
