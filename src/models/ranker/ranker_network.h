// What a ranker's network is made of, out of its config: fields, gates, streams side by side,
// heads. Free of LibTorch; room learn trains what comes out, room infer runs it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/result.h"
#include "infer/trainable.h"

namespace palate {

struct RankerConfig {
  // Side by side over the embeddings; what they give is added up (numbers) or read together by the
  // heads (vectors).
  std::vector<std::string> streams = {"cross", "mlp"};
  int width = 16;  // of an embedding
  // Of the embeddings of a column's narrow half ("item.narrow" beside "item"), which a matrix
  // projects up to `width` (mixed dimensions, Ginart et al. 2019, section 3).
  int narrow_width = 4;
  int cross_layers = 3;
  int cross_rank = 0;  // 0: full matrices
  std::vector<std::string> hidden = {"400", "400", "400"};
  // Columns with many ids in order, the newest last, that are read one by one rather than averaged:
  // by attention, asked by the embedding of `attend_query` (empty: by a learnt query), or by a GRU.
  std::vector<std::string> attend = {"history"};
  std::string attend_query = "item";
  int attend_heads = 4;
  std::vector<std::string> gru;
  int sequence_length = 100;
  double dropout = 0.2;
  bool batch_norm = true;
  bool gate_fields = false;  // GateNet: each embedding decides how much of itself counts
  bool gate_hidden = false;
  int mask_blocks = 3;           // MaskNet
  int mask_width = 128;          // of what a block gives
  double mask_ratio = 2;         // of the layer that makes a mask, to what is masked
  std::string heads = "shared";  // how several objectives share: shared, mmoe, ple
  int experts = 4;
  int levels = 2;  // of ple
  // What labels are: probabilities, unless they are named as quantities, or as levels ("stars=5").
  std::vector<std::string> regression, ordinal;

  static void fields(FieldVisitor<RankerConfig>& field);
};

// What comes in: sparse fields without width (RankerConfig::width is theirs) and dense ones; the
// names of the objectives.
struct RankerInputs {
  std::vector<SparseField> sparse;
  std::vector<DenseField> dense;
  std::vector<Output> objectives;  // `value` is filled in
};

// Outputs for labels: a probability each, or what RankerConfig says. Errors: kInvalidArgument for a
// label that is named and not there, named twice, or without its number of levels.
Result<std::vector<Output>> ranker_objectives(const RankerConfig& config,
                                              const std::vector<std::string>& labels);

// Errors: kInvalidArgument for a stream that does not exist, nothing to read, or widths that do not
// fit.
Result<TrainableNetwork> ranker_network(const RankerConfig& config, const RankerInputs& inputs);

}  // namespace palate
