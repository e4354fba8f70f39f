// Trains graph: the singular vectors of the normalized matrix, and the linear filter beside them.
#pragma once

#include <cstdint>
#include <vector>

#include "artefact/artefact.h"
#include "base/result.h"
#include "dataset/dataset.h"
#include "math/rows.h"
#include "math/table.h"
#include "models/train_catalog.h"
#include "models/train_cooccurrence.h"

namespace palate {

struct SpectralOptions {
  size_t factors = 64;
  int iterations = 4;
  uint64_t seed = 1;
  Workers workers;
};
struct SpectralBasis {
  size_t dim = 0;             // padded(factors), the row length
  FloatTable items;           // the right singular vectors of the largest singular values, columns
  std::vector<float> values;  // dim: their squared singular values; 0 in the padding
};
// By subspace iteration from a seeded random start, with some vectors more than asked for (Halko,
// Martinsson, Tropp, "Finding Structure with Randomness", SIAM Review 53(2), 2011, section 4.5).
// At most as many as the smaller side of the matrix; the result does not depend on the number of
// threads. Errors: kCancelled.
Result<SpectralBasis> spectral_basis(const SparseMatrix& matrix, const SpectralOptions& options);

// out ← matrix · vectors: a row of `out` is the weighted sum of the rows of `vectors` that the
// matrix's row names. Errors: kCancelled.
Status multiply_rows(const SparseMatrix& matrix, const RowsView& vectors, FloatTable& out,
                     const Workers& workers);

// What the filters are made from: the matrix as it is, D_U^-1/2 R D_I^-1/2, and the interactions of
// each item.
struct GraphInput {
  const SparseMatrix& matrix;
  SparseMatrix normalized;
  std::vector<uint32_t> counts;
};
// Two tables whose products stand beside the linear filter, which counts linear_scale.
struct GraphFilters {
  FloatTable past, target;
  size_t dim = 0;
  SparseMatrix linear;
  float linear_scale = 1;
  std::vector<float> frequencies;  // squared singular values, where the filter has looked at them
};
// All but `linear`. Errors: kInvalidArgument for an unknown filter, kCancelled.
Result<GraphFilters> graph_filters(const GraphInput& input, const TrainJob& job);
// What one step of Runge and Kutta's classical method makes of 1 under d/dt = -frequency in `time`:
// how much sharpening leaves of a frequency.
double sharpened_share(double frequency, double time);

// Fills in tensors and metrics. Errors: kInvalidArgument without positive interactions, kCancelled.
Status train_graph(const TrainJob& job, ArtefactWriter& out);
uint64_t graph_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs);

}  // namespace palate
