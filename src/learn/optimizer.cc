#include "learn/optimizer.h"

#include <array>
#include <cmath>
#include <utility>

namespace palate {
namespace {

void sgd(const StepState& s, const StepOptions& o) {
  const auto rate = static_cast<float>(o.learning_rate), l2 = static_cast<float>(o.l2);
  for (size_t i = 0; i < s.weights.size(); ++i) {
    s.weights[i] -= rate * (s.gradients[i] + l2 * s.weights[i]);
  }
}

void adagrad(const StepState& s, const StepOptions& o) {
  const auto rate = static_cast<float>(o.learning_rate), l2 = static_cast<float>(o.l2);
  const auto epsilon = static_cast<float>(o.epsilon);
  for (size_t i = 0; i < s.weights.size(); ++i) {
    const float g = s.gradients[i] + l2 * s.weights[i];
    s.second[i] += g * g;
    s.weights[i] -= rate * g / (std::sqrt(s.second[i]) + epsilon);
  }
}

struct AdamFactors {
  float beta1, beta2, rate, root, epsilon, l2;
  explicit AdamFactors(const StepOptions& o)
      : beta1(static_cast<float>(o.beta1)),
        beta2(static_cast<float>(o.beta2)),
        rate(static_cast<float>(1 / (1 - std::pow(o.beta1, static_cast<double>(o.step))))),
        root(static_cast<float>(1 / std::sqrt(1 - std::pow(o.beta2, static_cast<double>(o.step))))),
        epsilon(static_cast<float>(o.epsilon)),
        l2(static_cast<float>(o.l2)) {}
};

// Moves the moments and returns the step to take, before the learning rate.
inline float adam_step(const StepState& s, size_t i, const AdamFactors& f) {
  const float g = s.gradients[i] + f.l2 * s.weights[i];
  s.first[i] = f.beta1 * s.first[i] + (1 - f.beta1) * g;
  s.second[i] = f.beta2 * s.second[i] + (1 - f.beta2) * g * g;
  return s.first[i] * f.rate / (std::sqrt(s.second[i]) * f.root + f.epsilon);
}

void adam(const StepState& s, const StepOptions& o) {
  const AdamFactors factors(o);
  const auto rate = static_cast<float>(o.learning_rate);
  for (size_t i = 0; i < s.weights.size(); ++i) s.weights[i] -= rate * adam_step(s, i, factors);
}

void lamb(const StepState& s, const StepOptions& o) {
  const AdamFactors factors(o);
  double weights = 0, steps = 0;
  for (size_t i = 0; i < s.weights.size(); ++i) {
    const double step = adam_step(s, i, factors) + o.weight_decay * s.weights[i];
    weights += static_cast<double>(s.weights[i]) * s.weights[i];
    steps += step * step;
  }
  const double trust = weights > 0 && steps > 0 ? std::sqrt(weights / steps) : 1;
  const auto rate = static_cast<float>(o.learning_rate * trust);
  const auto decay = static_cast<float>(o.weight_decay);
  for (size_t i = 0; i < s.weights.size(); ++i) {
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

void take_step(const StepState& state, const StepOptions& options) {
  if (options.rule != Rule::kLamb && options.weight_decay > 0) {
    const auto keep = static_cast<float>(1 - options.learning_rate * options.weight_decay);
    for (float& weight : state.weights) weight *= keep;
  }
  switch (options.rule) {
    case Rule::kSgd:
      return sgd(state, options);
    case Rule::kAdagrad:
      return adagrad(state, options);
    case Rule::kAdam:
      return adam(state, options);
    case Rule::kLamb:
      return lamb(state, options);
  }
}

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
