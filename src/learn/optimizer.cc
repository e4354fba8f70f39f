#include "learn/optimizer.h"

#include <array>
#include <cmath>
#include <utility>

namespace palate {
namespace {

// The loops below are over plain pointers that do not overlap, so that compilers make vectors of
// them; a number is computed the same way whatever vector it is in.
struct Arrays {
  size_t size;
  float* __restrict weights;
  const float* __restrict gradients;
  float* __restrict first;
  float* __restrict second;
  explicit Arrays(const StepState& s)
      : size(s.weights.size()),
        weights(s.weights.data()),
        gradients(s.gradients.data()),
        first(s.first.data()),
        second(s.second.data()) {}
};

void sgd(const Arrays& s, const StepOptions& o) {
  const auto rate = static_cast<float>(o.learning_rate), l2 = static_cast<float>(o.l2);
  for (size_t i = 0; i < s.size; ++i) {
    s.weights[i] -= rate * (s.gradients[i] + l2 * s.weights[i]);
  }
}

void adagrad(const Arrays& s, const StepOptions& o) {
  const auto rate = static_cast<float>(o.learning_rate), l2 = static_cast<float>(o.l2);
  const auto epsilon = static_cast<float>(o.epsilon);
  for (size_t i = 0; i < s.size; ++i) {
    const float g = s.gradients[i] + l2 * s.weights[i];
    s.second[i] += g * g;
    s.weights[i] -= rate * g / (std::sqrt(s.second[i]) + epsilon);
  }
}

struct AdamFactors {
  float beta1, beta2, rate, root, epsilon, l2;
};

// Moves the moments and returns the step to take, before the learning rate.
inline float adam_step(const Arrays& s, size_t i, const AdamFactors& f) {
  const float g = s.gradients[i] + f.l2 * s.weights[i];
  const float first = f.beta1 * s.first[i] + (1 - f.beta1) * g;
  const float second = f.beta2 * s.second[i] + (1 - f.beta2) * g * g;
  s.first[i] = first;
  s.second[i] = second;
  return first * f.rate / (std::sqrt(second) * f.root + f.epsilon);
}

void adam(const Arrays& s, const StepOptions& o, const AdamFactors& factors) {
  const auto rate = static_cast<float>(o.learning_rate);
  for (size_t i = 0; i < s.size; ++i) s.weights[i] -= rate * adam_step(s, i, factors);
}

void lamb(const Arrays& s, const StepOptions& o, const AdamFactors& factors) {
  double weights = 0, steps = 0;
  for (size_t i = 0; i < s.size; ++i) {
    const double step = adam_step(s, i, factors) + o.weight_decay * s.weights[i];
    weights += static_cast<double>(s.weights[i]) * s.weights[i];
    steps += step * step;
  }
  const double trust = weights > 0 && steps > 0 ? std::sqrt(weights / steps) : 1;
  const auto rate = static_cast<float>(o.learning_rate * trust);
  const auto decay = static_cast<float>(o.weight_decay);
  for (size_t i = 0; i < s.size; ++i) {
    const float step =
        s.first[i] * factors.rate / (std::sqrt(s.second[i]) * factors.root + factors.epsilon);
    s.weights[i] -= rate * (step + decay * s.weights[i]);
  }
}

}  // namespace

Result<Rule> parse_rule(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Rule>, 4> kNames{{{"sgd", Rule::kSgd},
                                                                     {"adagrad", Rule::kAdagrad},
                                                                     {"adam", Rule::kAdam},
                                                                     {"lamb", Rule::kLamb}}};
  for (const auto& [known, rule] : kNames) {
    if (known == name) return rule;
  }
  return fail(Code::kInvalidArgument, "no optimizer is called '{}': sgd, adagrad, adam or lamb",
              name);
}

Stepper::Stepper(const StepOptions& options)
    : options_(options),
      rate_(
          static_cast<float>(1 / (1 - std::pow(options.beta1, static_cast<double>(options.step))))),
      root_(static_cast<float>(
          1 / std::sqrt(1 - std::pow(options.beta2, static_cast<double>(options.step))))) {}

void Stepper::take(const StepState& state) const {
  const StepOptions& o = options_;
  const Arrays arrays(state);
  if (o.rule != Rule::kLamb && o.weight_decay > 0) {
    const auto keep = static_cast<float>(1 - o.learning_rate * o.weight_decay);
    for (float& weight : state.weights) weight *= keep;
  }
  const AdamFactors factors{
      static_cast<float>(o.beta1),   static_cast<float>(o.beta2), rate_, root_,
      static_cast<float>(o.epsilon), static_cast<float>(o.l2)};
  switch (o.rule) {
    case Rule::kSgd:
      return sgd(arrays, o);
    case Rule::kAdagrad:
      return adagrad(arrays, o);
    case Rule::kAdam:
      return adam(arrays, o, factors);
    case Rule::kLamb:
      return lamb(arrays, o, factors);
  }
}

void take_step(const StepState& state, const StepOptions& options) { Stepper(options).take(state); }

void take_row_step(std::span<float> weights, std::span<const float> gradients, float& sum,
                   const StepOptions& options) {
  const auto rate = static_cast<float>(options.learning_rate), l2 = static_cast<float>(options.l2);
  float squares = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const float g = gradients[i] + l2 * weights[i];
    squares += g * g;
  }
  sum += squares / static_cast<float>(weights.size());
  const float scale = rate / (std::sqrt(sum) + static_cast<float>(options.epsilon));
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] -= scale * (gradients[i] + l2 * weights[i]);
}

}  // namespace palate
