// A network that LibTorch can differentiate: the ops of a spec, by name the same numbers that
// infer/network.h computes. Embeddings come in from outside (trained_table.h), so that a table
// may be of any size and lie anywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <ATen/ATen.h>

#include "artefact/artefact.h"
#include "infer/trainable.h"
#include "learn/parameters.h"

namespace palate {

class TorchNetwork {
 public:
  // Precondition: plan.spec.check() passes.
  TorchNetwork(TrainableNetwork plan, uint64_t seed);

  struct Input {
    // Of sparse field i: [rows × width], or of a sequence [its ids × width], with their starts
    // [rows + 1] beside it (empty for the others).
    std::vector<at::Tensor> embedded;
    std::vector<at::Tensor> dense;  // of dense field i, normalized: [rows × width]
    std::vector<std::vector<uint32_t>> start = {};
  };
  // What the outputs' ops compute, before link and calibration: [rows] each, of a vector
  // [rows × width]. With a `seed` it is
  // training: dropout is a function of it, and batch norms use the rows and remember them.
  [[nodiscard]] std::vector<at::Tensor> forward(const Input& input,
                                                std::optional<uint64_t> seed) const;
  // While training, products of layers and crosses round both sides to bf16; sums, weights, their
  // gradients and what is between layers stay in fp32 (Micikevicius et al. 2018, section 3, without
  // scaling the loss: bf16 has the exponents of fp32). Without training all is in fp32, as served.
  void use_bf16(bool on) { bf16_ = on; }
  // The same weights in the same memory, with gradients and statistics of its own: for a thread.
  [[nodiscard]] TorchNetwork replica() const;

  // Of an ordinal output: [levels − 1]; undefined for others.
  [[nodiscard]] at::Tensor thresholds(size_t output) const;
  // Of the outputs' losses, [outputs] (Kendall, Gal and Cipolla 2018); undefined without.
  [[nodiscard]] at::Tensor log_variances() const;

  [[nodiscard]] const NetworkSpec& spec() const { return plan_.spec; }
  [[nodiscard]] Parameters& parameters() { return parameters_; }
  [[nodiscard]] const Parameters& parameters() const { return parameters_; }
  // Running means and variances of batch norms, one after the other.
  [[nodiscard]] const at::Tensor& statistics() const { return statistics_; }
  // Adds every op's tensors under the names that infer reads; batch norms are folded in.
  void write(ArtefactWriter& out) const;

 private:
  TorchNetwork() = default;
  struct Context;
  void declare(const Op& op, const OpTraining& training);
  void declare_sequence(const Op& op);
  void declare_outputs();
  void set_thresholds();
  [[nodiscard]] at::Tensor compute(size_t op, const Context& context) const;
  [[nodiscard]] at::Tensor sequence(const Op& op, const Context& context) const;
  // x · weightᵀ + bias; an undefined bias is none.
  [[nodiscard]] at::Tensor product(const at::Tensor& x, const at::Tensor& weight,
                                   const at::Tensor& bias, bool training) const;
  [[nodiscard]] at::Tensor linear(size_t op, const at::Tensor& x, bool training) const;
  void write_normalized(size_t op, ArtefactWriter& out) const;
  [[nodiscard]] const at::Tensor& of(const Op& op, const char* tensor) const;

  TrainableNetwork plan_;
  Parameters parameters_;
  bool bf16_ = false;
  at::Tensor statistics_;
  std::vector<int64_t> statistics_begin_;  // per op; −1: none
  std::vector<size_t> first_place_;        // of each op in parameters().places(), and the end
};

}  // namespace palate
