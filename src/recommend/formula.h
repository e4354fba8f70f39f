// Arithmetic over the candidates of a request: how a score is made of several.
//
//   unit(personal) + 0.3 * unit(log1p(popularity)) - 0.1 * feature.item_age_d / 365
//
// docs/reference/pipelines.md has names and functions. Parsed once; evaluated a column at a time.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace palate {

inline constexpr size_t kFormulaBytesMax = 4'096;
inline constexpr size_t kFormulaStepsMax = 256;
inline constexpr size_t kFormulaDepthMax = 32;

class Formula {
 public:
  // Errors: kInvalidArgument with the byte at which it goes wrong, and what was expected there.
  static Result<Formula> parse(std::string_view text);

  // Names of what it reads, each once.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  // The value for each of `out`. columns[i] holds what names()[i] is of each.
  void evaluate(std::span<const std::vector<float>> columns, std::span<float> out) const;

  struct Function {
    std::string_view name;
    size_t arguments = 1;
    // In place; of two arguments the second is `other`.
    void (*apply)(std::span<float> values, std::span<const float> other);
    std::string_view sentence;
  };
  static std::span<const Function> functions();

 private:
  friend class FormulaParser;
  // What is done to a stack of columns.
  struct Step {
    enum class Kind { kNumber, kName, kNegate, kOperator, kFunction };
    Kind kind = Kind::kNumber;
    float number = 0;
    size_t index = 0;  // of the name or the function
    char sign = '+';   // of the operator
  };
  std::vector<Step> steps_;  // in reverse Polish order
  std::vector<std::string> names_;
};

}  // namespace palate
