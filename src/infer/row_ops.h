// The ops of a network that are no products, over a block of rows; gathers of embeddings; numbers
// made ready. fp32; each row is computed on its own, in one order of summation. Pure functions,
// thread-safe.
#pragma once

#include "infer/network_request.h"
#include "infer/network_weights.h"
#include "infer/product.h"

namespace palate {

struct RowsJob {
  OpKind kind = OpKind::kAdd;
  Activation activation = Activation::kNone;
  float scale = 1;
  size_t rows = 0;
  size_t width = 0;  // of each input; of kMix the second and further ones
  std::span<const BlockView> in = {};
  const float* weight = nullptr;  // of kLayerNorm, kFmWeighted
  const float* bias = nullptr;    // of kLayerNorm
  float* out = nullptr;
  size_t out_stride = 0;
};
// kConcat of one input copies it. kBilinear takes x and W y, and gives their products' sum. `out`
// overlaps no input. Kinds that are products or read fields have no meaning here.
void run_rows(const RowsJob& job);

// Rows [first, first + rows) of a field, pooled, into `out`.
struct GatherJob {
  EmbeddingTable table = {};
  SparseValues values = {};
  Pooling pooling = Pooling::kOne;
  size_t first = 0, rows = 0;
  float* out = nullptr;
  size_t out_stride = 0;
};
void gather_rows(const GatherJob& job);

// Rows of `in`, normalized; 0 where a number is not finite.
void normalize_rows(const DenseNorm& norm, const RowsJob& job);

}  // namespace palate
