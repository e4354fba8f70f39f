// Puts ranked candidates into an order that trades relevance for variety: by a determinantal point
// process, or by maximal marginal relevance.
//
//   DPP: L. Chen, G. Zhang, E. Zhou, "Fast Greedy MAP Inference for Determinantal Point Process to
//   Improve Recommendation Diversity", NeurIPS 2018, Algorithm 1 and eq. 15.
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
// categories, in equal parts where both are there. 1 on the diagonal; positive semidefinite, as
// both are. Memory: dim floats a candidate, and two numbers for each of its categories.
class Likeness {
 public:
  // Writes a candidate's vector; leaves zeros, which are like nothing, where it has none.
  using VectorOf = std::function<void(size_t candidate, std::span<float> vector)>;
  // `dim` 0: nobody has a vector. Vectors and traits are read here only.
  Likeness(size_t dim, const VectorOf& vector_of, std::span<const ItemTraits> traits);
  // `vectors`: a row a candidate, or none at all (dim 0).
  Likeness(const RowsView& vectors, std::span<const ItemTraits> traits);
  // out[j] of candidate j to candidate i.
  void row(size_t i, std::span<float> out) const;
  [[nodiscard]] size_t size() const { return count_; }

 private:
  void take_vectors(size_t dim, const VectorOf& vector_of);
  void take_categories(std::span<const ItemTraits> traits);

  size_t count_ = 0, dim_ = 0;
  bool by_category_ = false;
  std::vector<float> unit_;  // count_ rows of dim_
  // Of candidate i [first_[i], first_[i + 1]): each of its categories, as the place of that
  // category's candidates: members_[begin_[c]] up to begin_[c + 1].
  std::vector<uint32_t> first_, categories_, begin_, members_;
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
// Greedy: O(count² · n) for DPP, O(count · n) for MMR, and `count` rows of likeness.
std::vector<uint32_t> diversified(std::span<const float> relevance, const Likeness& likeness,
                                  const DiversityOptions& options);

}  // namespace palate
