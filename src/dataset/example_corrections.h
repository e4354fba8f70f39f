// What was shown and followed, corrected for how it came to be shown, as [examples] asks for
// (exposure_bias.h): in place, before rows become examples.
#pragma once

#include <vector>

#include "dataset/examples_config.h"
#include "dataset/impressions.h"

namespace palate {

struct Corrections {
  // By place, from the first: the share of impressions that are looked at, by what followed of any
  // objective: looking comes before all of them. Empty where labels stay as they are.
  std::vector<double> examination;
  std::vector<float> weights;  // a row; empty: 1 each
  uint64_t production_rows = 0;
  double effective_rows = 0;  // of them, under the weights
};

// Estimates from slates before `held_out_from` alone, and corrects all. `objectives`: labels a row.
// Errors: kInvalidArgument with what the log lacks for it.
Result<Corrections> correct_impressions(Impressions& shown, TimeUs held_out_from, size_t objectives,
                                        const ExamplesConfig& config);

}  // namespace palate
