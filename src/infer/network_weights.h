// The tensors of a network, read in place out of its artefact and checked against its spec. What
// the plain twin computes with, and what Network packs at load.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "artefact/artefact.h"
#include "infer/network_spec.h"
#include "infer/precision.h"
#include "math/table.h"

namespace palate {

constexpr size_t kRowScaleBytes = 4;  // of a row in whole numbers

// [rows × width], row-major, in the mapped file. Value d of row i is what is kept there, widened to
// fp32; times scale[i] where there is one (I8); of U8 it is a code of 4 bits, two a byte with the
// lower bits first, rows from a whole byte on: steps[2 i] · code + steps[2 i + 1], which are bf16.
struct EmbeddingTable {
  DType type = DType::kF32;  // or kBF16, kI8, kU8
  const std::byte* data = nullptr;
  const float* scale = nullptr;     // of I8
  const uint16_t* steps = nullptr;  // of U8: [rows × 2]
  uint32_t rows = 0, width = 0;
  [[nodiscard]] const std::byte* row_scales() const {
    return reinterpret_cast<const std::byte*>(scale != nullptr ? static_cast<const void*>(scale)
                                                               : steps);
  }
};

// (x − mean) · scale, [width] each.
struct DenseNorm {
  std::span<const float> mean, scale;
};

// Row-major, fp32 whatever the file keeps, empty where an op of its kind has none. Shapes:
// network_spec.h.
struct OpTensors {
  std::span<const float> weight;         // u of kCrossLowRank, gain of kLayerNorm
  std::span<const float> inner;          // v of kCrossLowRank
  std::span<const float> bias;           // shift of kLayerNorm
  std::span<const float> position = {};  // of kAttend, and query
  std::span<const float> query = {};
};

// The object "network" of an artefact's details. Errors: kCorrupt.
Result<NetworkSpec> network_spec_of(const Artefact& artefact);

// Immutable; holds on to the mapped file.
struct NetworkWeights {
  std::shared_ptr<const Artefact> artefact;
  NetworkSpec spec;
  Precision layers = Precision::kF32;  // how the artefact wants them to multiply
  std::vector<EmbeddingTable> tables;  // as spec.sparse
  std::vector<DenseNorm> norms;        // as spec.dense
  std::vector<OpTensors> ops;          // as spec.ops
  std::vector<FloatTable> widened;     // what some of them point to

  // The spec is network_spec_of(), `layers` the text "layers" beside it. Weights that are not
  // finite are refused; tables are not looked at, so that opening does not read them: whoever
  // writes them sees to that. Errors: kCorrupt with the tensor and what does not fit,
  // kUnsupportedVersion.
  static Result<NetworkWeights> read(std::shared_ptr<const Artefact> artefact);
};

}  // namespace palate
