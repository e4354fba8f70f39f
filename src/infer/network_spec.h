// What a trained network computes, written down: fields that come in, values that are computed from
// them one after the other, numbers that come out. A trainer writes it beside its tensors; Network
// (network.h) runs it. docs/formats/network.md has the JSON.
//
// Every value is a matrix of a row per candidate and `width` columns. What depends on fields of the
// request alone has one row, shared by all candidates; the engine finds that out by itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace palate {

// Whose a field is: the same for all candidates of a request (user, context), or each candidate's.
enum class FieldOwner : uint8_t { kRequest, kCandidate };

// How several ids of one field become one row. No id at all is a row of zeros. kSequence: they do
// not; they are in an order, the newest last, and kAttend and kGru read them one by one.
enum class Pooling : uint8_t { kOne, kSum, kMean, kSequence };

// A field of ids. Its table is the tensor "table.<name>", [rows × width]; an id of `rows` or more
// is unknown and reads row 0, which the trainer keeps for that.
struct SparseField {
  std::string name = {};
  FieldOwner owner = FieldOwner::kCandidate;
  Pooling pooling = Pooling::kOne;
  uint32_t rows = 0;
  uint32_t width = 0;
};

// A field of numbers. Tensors "mean.<name>" and "scale.<name>", [width]: (x − mean) · scale goes
// in, and 0 where x is not finite (missing).
struct DenseField {
  std::string name = {};
  FieldOwner owner = FieldOwner::kCandidate;
  uint32_t width = 1;
};

enum class Activation : uint8_t { kNone, kRelu, kSigmoid, kTanh, kSilu };

// x, y, …: the op's inputs, in order. Tensors are named "<op's name>.<tensor>".
enum class OpKind : uint8_t {
  kEmbed,         // the rows of sparse field `field`, pooled; of no sequence
  kDense,         // dense field `field`, normalized
  kConcat,        // x, y, … side by side
  kLinear,        // activation(W x + b); weight [width × in], bias [width]
  kLinearBlocks,  // the same for `parts` equal parts of x on their own: weight [parts × w × w],
                  // bias [parts · w], width = parts · w
  kActivate,      // activation(x)
  kScale,         // scale · x
  kAdd,           // x + y + …, of one width
  kMultiply,      // x ⊙ y ⊙ …, of one width
  kCross,  // x ⊙ (W y + b) + y; weight [width × width], bias [width] (DCNv2, Wang et al. 2021, eq.
           // 1)
  kCrossLowRank,  // x ⊙ (U (V y) + b) + y; u [width × rank], v [rank × width], bias [width] (eq. 2)
  kFm,            // Σ_{i<j} ⟨x_i, x_j⟩ over inputs of one width: width 1 (Rendle 2010, eq. 1)
  kFmWeighted,  // Σ_{i<j} r_ij ⟨x_i, x_j⟩; weight [inputs × inputs], i < j read: width 1 (FwFM, Pan
                // et al. 2018)
  kPairs,       // ½((Σx_i)² − Σx_i²) per column, the width stays (NFM, He and Chua 2017, eq. 3)
  kLayerNorm,   // (x − mean) / √(variance + 1e-5) · gain + shift; gain, shift [width]
  kBilinear,    // Σ_h x_hᵀ W_h y_h over `parts` equal parts; weight [parts × in_x/parts ×
                // in_y/parts]: width 1 (FinalMLP, Mao et al. 2023, eq. 9)
  kSoftmax,     // over the columns of x
  kMix,         // Σ_e x_e · y_e: x has a column for each further input, which are of one width
  // Both read the newest `length` ids of the sequence `field`, e_0 the newest, and are zeros where
  // there is none.
  kAttend,  // softmax attention (Vaswani et al. 2017, section 3.2) of `parts` heads: per head
            // Σ_j p_j v_j, p = softmax_j(⟨x, k_j⟩ / √(width / parts) + position_j), with keys and
            // values [k; v] = W e + [0; b]; weight [2 · width × field's width], bias [width],
            // position [parts × length]. x is as wide as the op: a candidate's it is target
            // attention (DIN, Zhou et al. 2018, with a softmax, which DIN leaves out); no input:
            // the tensor query [width], which pools by attention.
  kGru,     // the state after the newest (Cho et al. 2014; the reset gate behind the product, as
            // cuDNN has it): r, z, n as PyTorch's; weight [3 · width × field's width], inner
            // [3 · width × width], bias [2 × 3 · width], of the first and of the second product
};

struct Op {
  OpKind kind = OpKind::kConcat;
  std::string name = {};              // unique; its tensors' prefix
  std::vector<uint32_t> inputs = {};  // indices of earlier ops: value i is what op i computes
  uint32_t width = 0;
  uint32_t field = 0;   // kEmbed, kDense, kAttend, kGru
  uint32_t length = 0;  // kAttend, kGru: ids that are read at most
  uint32_t parts = 1;   // kLinearBlocks, kBilinear, kAttend
  uint32_t rank = 0;    // kCrossLowRank
  float scale = 1;      // kScale
  Activation activation = Activation::kNone;
};

// From the network's number to what the head promises. kOrdinal: the expected level of 1, 2, …,
// thresholds + 1, where one is passed with the probability sigmoid(x + its threshold) (CORAL, Cao,
// Mirjalili and Raschka 2020, section 3.2).
enum class Link : uint8_t { kIdentity, kSigmoid, kOrdinal };

// A number per candidate: link(slope · value + shift). Slope and shift are Platt's calibration
// (Platt 1999), a temperature alone (Guo et al. 2017), or the unit of a regression; 1 and 0 where
// there is none.
struct Output {
  std::string name = {};  // "click", "watch_s"
  uint32_t value = 0;     // an op of width 1; with kIdentity and no points of any, a vector
  Link link = Link::kIdentity;
  float slope = 1;
  float shift = 0;
  std::vector<float> thresholds = {};  // of kOrdinal, at least one
  // Isotonic calibration (Zadrozny and Elkan 2002): what link gives is looked up in the line
  // through the points (at, gives), which is flat outside of them. `at` ascends, `gives` never
  // falls.
  std::vector<float> at = {}, gives = {};
};
// What an output promises for the network's number.
float promised(const Output& output, float value);

inline constexpr size_t kNetworkOpsMax = 4096;
inline constexpr size_t kNetworkFieldsMax = 1024;
inline constexpr uint32_t kNetworkWidthMax = 1 << 16;
inline constexpr size_t kNetworkInputsMax = 1024;          // of one op
inline constexpr size_t kNetworkOutputsMax = 64;           // at least one
inline constexpr size_t kNetworkOutputPointsMax = 1024;    // thresholds, and points, of one
inline constexpr size_t kNetworkRowMax = size_t{1} << 20;  // widths and ranks of all ops together
inline constexpr uint32_t kNetworkLengthMax = 4096;        // of a sequence
inline constexpr size_t kNetworkSequenceMax = size_t{1} << 24;  // floats of all sequences together
inline constexpr size_t kNetworkNameBytesMax = 128;  // of fields, ops and outputs; not empty

struct NetworkSpec {
  std::vector<SparseField> sparse;
  std::vector<DenseField> dense;
  std::vector<Op> ops;  // inputs come before what reads them
  std::vector<Output> outputs;

  [[nodiscard]] std::string to_json() const;
  // Errors: kCorrupt with the place and what does not fit; whatever the text holds.
  static Result<NetworkSpec> from_json(std::string_view json);
  // Names, widths and references fit, and no limit is passed. What an op does not use keeps its
  // default. Errors: kCorrupt with the place and what does not fit.
  [[nodiscard]] Status check() const;
};

// As the JSON has it: "embed", "cross_low_rank".
std::string_view op_name(OpKind kind);
// Whether ops of this kind read a sparse field; one that is a sequence.
bool reads_sparse(OpKind kind);
bool reads_sequence(OpKind kind);

}  // namespace palate
