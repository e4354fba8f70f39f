// Steps of descent over flat arrays: one rule, for dense parameters and for rows of tables. Pure
// functions over spans; whoever owns the numbers owns the state.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace palate {

enum class Rule : uint8_t {
  kSgd,
  kAdagrad,  // Duchi, Hazan and Singer 2011; of a table's row one sum of squares, their mean
  kAdam,     // Kingma and Ba 2015; of a table's row only where it was touched
  kLamb,     // You et al. 2020: Adam's step, scaled by ‖w‖ / ‖step‖ of each parameter
};
// Errors: kInvalidArgument for an unknown name, with the known ones.
Result<Rule> parse_rule(std::string_view name);

struct StepOptions {
  Rule rule = Rule::kAdam;
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;  // decoupled (Loshchilov and Hutter 2019)
  double l2 = 0;            // added to the gradient: l2 · w
  int64_t step = 1;         // from 1: Adam's correction of its first steps
};

// One parameter, or a run of rows that are treated alike. `first` and `second` are Adam's moments,
// as long as `weights`; Adagrad's sums are `second`; unused ones may be empty.
struct StepState {
  std::span<float> weights;
  std::span<const float> gradients;
  std::span<float> first, second;
};
void take_step(const StepState& state, const StepOptions& options);

// The same for many parameters of one step: what depends on the step alone is found out once.
class Stepper {
 public:
  explicit Stepper(const StepOptions& options);
  void take(const StepState& state) const;
  [[nodiscard]] const StepOptions& options() const { return options_; }

 private:
  StepOptions options_;
  float rate_ = 1, root_ = 1;  // Adam's corrections of its first steps
};

// Adagrad of a row: `sum` is the row's one number.
void take_row_step(std::span<float> weights, std::span<const float> gradients, float& sum,
                   const StepOptions& options);

}  // namespace palate
