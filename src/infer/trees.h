// Scores with the trees of a LightGBM text model, without the library: made for hundreds of
// candidates at once. Immutable and thread-safe; a scratch belongs to one thread at a time. A row's
// score is the same bits whatever other rows are in the call, on every instruction set, and the
// bits of the library's own prediction from the same text where exp() is the same.
//
// A tree is not walked. Each split knows the leaves on its left; where a row goes right, those are
// crossed out, and the first leaf that stays is the row's (Lucchese et al., "QuickScorer", SIGIR
// 2015, section 3). Splits of a tree are looked at one after the other for 32 rows at once, with
// nothing to mispredict: time grows with the leaves of a tree, not with its depth.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "infer/trees_text.h"
#include "math/table.h"

namespace palate {

// Memory of a thread's calls; grows to what the largest model needs and stays.
class TreesScratch {
 public:
  TreesScratch() = default;

 private:
  friend class Trees;
  FloatTable columns_;
  std::vector<double> sums_;
};

class Trees {
 public:
  // Errors: as parse_trees(), and kInvalidArgument where splits would take more memory than a
  // server should give (1 GiB).
  static Result<std::shared_ptr<const Trees>> from_text(std::string_view text);
  ~Trees();

  [[nodiscard]] const std::vector<std::string>& features() const;
  [[nodiscard]] TreesLink link() const;
  [[nodiscard]] size_t size() const;  // trees

  // What the leaves sum up to (log-odds of a binary model), and what the link makes of it.
  // `rows` is [out.size(), features().size()], row-major; any float is a value, NaN is missing.
  // Allocates nothing once the scratch has grown. Errors: kInvalidArgument for another size.
  [[nodiscard]] Status sum(std::span<const float> rows, std::span<double> out,
                           TreesScratch& scratch) const;
  [[nodiscard]] Status score(std::span<const float> rows, std::span<double> out,
                             TreesScratch& scratch) const;

 private:
  struct State;
  explicit Trees(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What the link of a model makes of a sum.
double linked(const TreesText& trees, double sum);

}  // namespace palate
