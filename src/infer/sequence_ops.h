// The ops that read a sequence of ids one by one: attention and the GRU (network_spec.h). fp32; a
// row is computed on its own, in one order of summation, so its bits do not depend on others. Pure
// functions over memory that the caller brings, thread-safe.
#pragma once

#include "infer/network_request.h"
#include "infer/network_weights.h"
#include "infer/product.h"

namespace palate {

// Ready to run. Its memory holds a row's sequence: floats() floats, aligned as FloatTable.
struct SequenceOp {
  OpKind kind = OpKind::kAttend;
  size_t width = 0, heads = 1, length = 0;
  PackedWeights read;       // of an embedding: [keys; values], or the three gates
  PackedWeights recurrent;  // of a state: the three gates (kGru)
  std::span<const float> position, query;

  // Where things lie: embeddings [length], what `read` makes of them [length], then of kAttend keys
  // by column [width × length] and a head's shares, of kGru the state and its gates.
  [[nodiscard]] size_t made_at() const { return length * panel_padded(read.in); }
  [[nodiscard]] size_t rest_at() const { return made_at() + length * made_stride(); }
  [[nodiscard]] size_t made_stride() const { return panel_padded(read.out); }
  [[nodiscard]] size_t floats() const;
};
// Precondition: op is kAttend or kGru and checked.
SequenceOp make_sequence_op(const Op& op, const OpTensors& tensors, size_t field_width);

// The ids of a row that the op reads, the newest last.
std::span<const uint32_t> newest_ids(const SequenceOp& op, const SparseValues& values, size_t row);

// Embeddings of the ids and what the op's weights make of them, into its memory.
void read_sequence(const SequenceOp& op, const EmbeddingTable& table, std::span<const uint32_t> ids,
                   float* memory);

// A row whose sequence of `ids` ids has been read into `memory`; `query` [width] asks kAttend.
struct SequenceJob {
  const SequenceOp& op;
  size_t ids = 0;
  const float* query = nullptr;
  float* memory = nullptr;
};
void run_sequence(const SequenceJob& job, std::span<float> out);

}  // namespace palate
