// The tensors of a network, read in place out of its artefact and checked against its spec. What
// the plain twin computes with, and what Network packs at load.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "artefact/artefact.h"
#include "infer/network_spec.h"

namespace palate {

// [rows × width], row-major, in the mapped file. Value d of row i is what is kept there, widened to
// fp32, times scale[i] where there is one (I8).
struct EmbeddingTable {
  DType type = DType::kF32;  // or kBF16, kI8
  const std::byte* data = nullptr;
  const float* scale = nullptr;  // of I8
  uint32_t rows = 0, width = 0;
};

// (x − mean) · scale, [width] each.
struct DenseNorm {
  std::span<const float> mean, scale;
};

// Row-major, empty where an op of its kind has none. Shapes: network_spec.h.
struct OpTensors {
  std::span<const float> weight;         // u of kCrossLowRank, gain of kLayerNorm
  std::span<const float> inner;          // v of kCrossLowRank
  std::span<const float> bias;           // shift of kLayerNorm
  std::span<const float> position = {};  // of kAttend, and query
  std::span<const float> query = {};
};

// Immutable; holds on to the mapped file.
struct NetworkWeights {
  std::shared_ptr<const Artefact> artefact;
  NetworkSpec spec;
  std::vector<EmbeddingTable> tables;  // as spec.sparse
  std::vector<DenseNorm> norms;        // as spec.dense
  std::vector<OpTensors> ops;          // as spec.ops

  // The spec is the object "network" of the manifest's details. Weights that are not finite are
  // refused; tables are not looked at, so that opening does not read them: whoever writes them sees
  // to that. Errors: kCorrupt with the tensor and what does not fit, kUnsupportedVersion.
  static Result<NetworkWeights> read(std::shared_ptr<const Artefact> artefact);
};

}  // namespace palate
