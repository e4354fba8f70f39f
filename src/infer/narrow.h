// For trainers: a written network again, its numbers kept in fewer bits.
#pragma once

#include <string>
#include <vector>

#include "artefact/artefact.h"
#include "base/result.h"
#include "infer/precision.h"

namespace palate {

// kBf16 layers are written in bf16; kInt8 layers stay in fp32, with the wish that they multiply in
// 8 bits, whose codes depend on the processor (int8_product.h).
struct NarrowOptions {
  Precision layers = Precision::kF32;
  Precision tables = Precision::kF32;
};
struct NarrowedTable {
  std::string field;
  double rms = 0;  // of what numbers are off: root of the mean square, as a share of the numbers'
  uint64_t bytes = 0;  // codes and scales
};
// Adds all tensors of `from` to `out`, and its manifest's details with how layers are kept. `out`
// keeps `from` until it is committed. Errors: those of NetworkWeights::read(); kInvalidArgument for
// layers in int4, and for a network that is not in fp32.
Result<std::vector<NarrowedTable>> narrow_network(const std::shared_ptr<const Artefact>& from,
                                                  const NarrowOptions& options,
                                                  ArtefactWriter& out);

}  // namespace palate
