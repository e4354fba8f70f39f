// Trains a model of trust from a log and a list of flagged accounts. Every account is looked at
// several times, after its first, second, fourth, … like or dislike, so that the model learns to
// see early.
#pragma once

#include <map>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "events/event_types.h"
#include "events/log.h"
#include "features/trust_model.h"

namespace palate {

// User → from when on the account meant ill.
using FlaggedAccounts = std::map<std::string, TimeUs, std::less<>>;
// A line an account: its id, and after a comma when it began (RFC 3339), else always. Errors:
// kInvalidArgument with the line's number.
Result<FlaggedAccounts> parse_flagged(std::string_view text);

// An account at one moment.
struct TrustSample {
  TrustInputs inputs{};
  uint64_t user = 0;  // which one, from 0 in order of appearance
  bool ill = false;
  uint16_t hand_made = 0;  // what the rules say, of kWholeWeight
};
// Errors: kCancelled, kCorrupt, those of the log.
Result<std::vector<TrustSample>> trust_samples(const EventLog& log, const EventTypes& types,
                                               const FlaggedAccounts& flagged,
                                               const std::stop_token& stop);

// Both kinds weigh the same together; the bias is then set so that of the honest samples at most
// `honest_doubted_max` are doubted. Errors: kInvalidArgument when one kind is missing.
struct TrustTraining {
  double honest_doubted_max = 0.002;
  double ridge = 1e-3;
};
Result<TrustModel> train_trust(std::span<const TrustSample> samples, const TrustTraining& options);

}  // namespace palate
