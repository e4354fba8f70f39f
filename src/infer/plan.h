// What Network does for a request, found out once at load. A network is compiled into three lists
// of steps over values with fixed places:
//
//   shared     once a request: all that its fields alone decide, a row each
//   fill       once a request: shared columns of values that have others too, for a block's rows
//   block      once a block of candidates
//
// A product that reads shared columns beside others is split: W [s; c] + b = (W_s s + b) + W_c c,
// with the bracket among the shared steps and as the bias of what is left. Values go straight to
// the columns of the concat that reads them. Ops that no output needs are left out.
#pragma once

#include <optional>
#include <vector>

#include "infer/int8_product.h"
#include "infer/network_weights.h"
#include "infer/product.h"
#include "infer/sequence_ops.h"

namespace palate {

// Columns of a slab. A slab is a matrix of the scratch memory: of one row if it is shared, else of
// a row per candidate of a block.
struct Ref {
  bool shared = true;
  uint32_t slab = 0;
  uint32_t column = 0;
  uint32_t width = 0;
};

enum class StepKind : uint8_t {
  kGather,     // op: which field
  kNormalize,  // likewise
  kProduct,    // in[0] times `product`
  kRows,       // run_rows of `as` over `in`
  kRead,       // the request's sequence into the memory of `sequence`
  kSequence,   // `sequence` over what was read, or reads row by row itself
};

struct Step {
  StepKind kind = StepKind::kRows;
  OpKind as = OpKind::kConcat;
  Activation activation = Activation::kNone;
  uint32_t op = 0;  // of the spec
  Ref out = {};
  std::vector<Ref> in = {};
  uint32_t product = 0;                      // into Plan::products
  std::optional<Ref> bias = {};              // instead of the product's own
  std::optional<Ref> times = {}, plus = {};  // of a cross
  uint32_t sequence = 0;                     // into Plan::sequences
  Ref memory = {};                           // of the sequence: one row, whoever's turn it is
  bool is_read = false;                      // by a step before
};

// Where a slab lies: `offset` floats from the beginning of the shared memory, or `offset` times the
// rows of a block from that of the block's.
struct Slab {
  size_t stride = 0;
  size_t offset = 0;
};

struct Plan {
  std::vector<Step> shared, fill, block;
  std::vector<PackedWeights> products;
  std::vector<std::optional<Int8Weights>> int8;  // of products; empty without any
  std::vector<SequenceOp> sequences;
  std::vector<Slab> shared_slabs, block_slabs;
  size_t shared_floats = 0;  // of memory
  size_t row_floats = 0;     // of a block, a row
  std::vector<Ref> outputs;  // as the spec's
};

struct PlanOptions {
  bool share = true;  // what depends on the request alone is computed once; false: per candidate
};

// Precondition: the spec of `weights` is checked.
Plan make_plan(const NetworkWeights& weights, const PlanOptions& options);

// Layers of the block's steps in 8 bits, where these pay.
void quantize(Plan& plan);

// Gives slabs places such that two that are in use at the same step never overlap. Slab i is in use
// from step first[i] to last[i], both included. Returns how many floats a row needs.
struct SlabUse {
  size_t first = 0, last = 0;
};
size_t place_slabs(std::span<const SlabUse> uses, std::vector<Slab>& slabs);

}  // namespace palate
