// Runs a trained network (network_spec.h) out of an artefact, without LibTorch: made for one
// request and hundreds of candidates at once. Weights are packed at load; tables of embeddings are
// read in place from the mapped file, however large. What depends on the request alone is computed
// once a call (plan.h).
//
// Immutable and thread-safe; a scratch belongs to one thread at a time. A candidate's numbers are
// the same bits whatever other candidates are in the call and however they are cut into calls.
// Between instruction sets, and with NetworkOptions::share, they differ in their last bits.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "artefact/artefact.h"
#include "base/result.h"
#include "infer/int8_product.h"
#include "infer/network_request.h"
#include "infer/network_spec.h"
#include "infer/precision.h"
#include "math/table.h"

namespace palate {

struct NetworkOptions {
  // What depends on the request alone is computed once a call. false: for every candidate, as
  // engines do that do not know of requests.
  bool share = true;
  // How layers multiply; by default what the artefact says. kBf16: weights of all layers but those
  // of sequences are kept in bf16, sums are in fp32. kInt8: layers of 16 inputs and outputs at
  // least, per candidate, in 8 bits (int8_product.h); what is computed once a request stays in
  // fp32. kInt4 is refused: it is for tables.
  std::optional<Precision> precision = {};
  size_t block_rows = 0;  // candidates at once, at most 4096; 0: what fits into the caches
};

// Memory of a thread's calls; grows to what the largest network needs and stays.
class NetworkScratch {
 public:
  NetworkScratch() = default;

 private:
  friend class Network;
  FloatTable shared_, block_;
  std::vector<BlockView> views_;
  Int8Scratch int8_;
};

class Network {
 public:
  // The spec is the object "network" of the manifest's details, the tensors lie beside it
  // (docs/formats/network.md). Keeps the artefact. Weights that are not finite are refused; tables
  // are not looked at. Errors: kCorrupt with the tensor or the place and what does not fit,
  // kUnsupportedVersion, kInvalidArgument of options.
  static Result<std::shared_ptr<const Network>> load(std::shared_ptr<const Artefact> artefact,
                                                     const NetworkOptions& options = {});
  ~Network();

  [[nodiscard]] const NetworkSpec& spec() const;
  // outputs[i][c]: what spec().outputs[i] promises of candidate c; of an output that is a vector,
  // outputs[i] is candidates × width, row-major. Allocates nothing once the
  // scratch has grown. Errors: kInvalidArgument where fields or outputs do not fit the spec.
  [[nodiscard]] Status score(const NetworkRequest& request,
                             std::span<const std::span<float>> outputs,
                             NetworkScratch& scratch) const;

  // What the layers of `narrow`, the same network in fewer bits, lose beside this one's, a layer at
  // a time: each gets this one's inputs, so errors do not add up. `rms` is the root of the mean
  // square of what is off, before the activation, as a share of that of this one's sums, over the
  // requests' candidates. Layers in fp32 are left out. Errors: as score(); kInvalidArgument for
  // another network, one of other NetworkOptions::share, or where this one is not in fp32.
  struct LayerError {
    std::string op;
    double rms = 0;
  };
  [[nodiscard]] Result<std::vector<LayerError>> layer_errors(
      const Network& narrow, std::span<const NetworkRequest> requests) const;

  // What a call costs: multiplications and additions of matrices (two each), of sequences as long
  // as they are read.
  struct Work {
    double flop_request = 0;
    double flop_candidate = 0;
    size_t block_rows = 0;
    size_t weight_bytes = 0;  // of layers as they are kept in memory; tables stay in their file
  };
  [[nodiscard]] Work work() const;

 private:
  struct State;
  explicit Network(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace palate
