// A small model of who means ill: a logistic regression over what is kept of an account
// (trust_inputs.h), with two columns of weights: for where likes usually answer slates, and for
// where they do not and slates say nothing. Trained by `palate trust` on flagged accounts; the one
// that comes with Palate (trust_built_in.cc) on simulated worlds. docs/formats/trust-model.md.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "features/trust_inputs.h"

namespace palate {

struct FeatureConfig;

struct TrustModel {
  struct Weights {
    double bias = 0;
    TrustInputs of{};
  };
  Weights with_slates{}, without_slates{};
  bool hand_made = false;  // the rules of trust.cc instead

  [[nodiscard]] std::string text() const;
  [[nodiscard]] uint64_t fingerprint() const;
};

// Probability that the account means ill.
double malice_of(const TrustModel::Weights& weights, const TrustInputs& inputs);

const TrustModel& built_in_trust_model();
// Errors: kCorrupt for what text() does not write, kUnsupportedVersion.
Result<TrustModel> parse_trust_model(std::string_view text);
// Reads what `config.trust_model` names. Errors: those of the file and of parse_trust_model().
Status load_trust_model(FeatureConfig& config);

}  // namespace palate
