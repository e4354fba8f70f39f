// Puts ranked candidates into an order that trades relevance for variety: by a determinantal point
// process, or by maximal marginal relevance.
//
//   DPP: L. Chen, G. Zhang, E. Zhou, "Fast Greedy MAP Inference for Determinantal Point Process to
//   Improve Recommendation Diversity", NeurIPS 2018, Algorithm 1 and eq. 15; its rows brought up to
//   date lazily: A. Hemmi, T. Oki, S. Sakaue, K. Fujii, S. Iwata, "Lazy and Fast Greedy MAP
//   Inference for Determinantal Point Process", NeurIPS 2022.
//   MMR: J. Carbonell, J. Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering
//   Documents and Producing Summaries", SIGIR 1998.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "features/catalogue.h"
#include "math/rows.h"

namespace palate {

// So many places of an answer are filled with care; DPP costs their square.
inline constexpr size_t kDiversifiedMax = 100;

enum class Diversifier { kDpp, kMmr };
// "dpp" or "mmr". Errors: kInvalidArgument.
Result<Diversifier> diversifier(std::string_view name);

// What makes candidates like each other: the cosine of their vectors and the Jaccard index of their
// categories, in equal parts where both are there. Of two different ones it is the inner product of
// their vector()s and what they have in_common(). Positive semidefinite, with 1 on the diagonal.
class Likeness {
 public:
  // Writes a candidate's vector; leaves zeros, which are like nothing, where it has none.
  using VectorOf = std::function<void(size_t candidate, std::span<float> vector)>;
  // `dim` 0: nobody has a vector.
  Likeness(size_t dim, VectorOf vector_of, std::vector<ItemTraits> traits);
  // `vectors`: a row a candidate, or none at all (dim 0). Must outlive it.
  Likeness(const RowsView& vectors, std::span<const ItemTraits> traits);
  // Candidate i's part in the cosines, asked for now: dim() floats.
  void vector(size_t i, std::span<float> out) const;
  // The categories' part.
  [[nodiscard]] float in_common(size_t i, size_t j) const;
  [[nodiscard]] size_t dim() const { return padded(own_dim_); }
  [[nodiscard]] size_t size() const { return traits_.size(); }

 private:
  std::vector<ItemTraits> traits_;
  std::vector<uint64_t> marks_;  // a bit a category modulo 64: most pairs have nothing in common
  VectorOf vector_of_;
  size_t own_dim_;
  float share_ = 1;
};

struct DiversityOptions {
  Diversifier by = Diversifier::kDpp;
  double strength = 0.5;  // 0: the order of relevance alone … 1: variety alone
  size_t count = 0;       // places to fill with care; the others follow by relevance
  // Candidates that people have seen already: the others differ from them, too, and they are left
  // out of the order. Distinct.
  std::span<const uint32_t> given = {};
};

// The candidates' numbers in their new order, all of them but `given`. `relevance`: higher is
// better, of any scale (it is brought to 0 … 1 among the candidates); ties go to the lower number.
// Greedy and lazy: O(count² · n) for DPP and O(count · n) for MMR at most, and a small part of that
// where relevance says who may be next.
std::vector<uint32_t> diversified(std::span<const float> relevance, const Likeness& likeness,
                                  const DiversityOptions& options);

}  // namespace palate
