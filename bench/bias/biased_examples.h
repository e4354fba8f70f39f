// Logged rows as examples, with each correction of dataset/exposure_bias.h, and pages that say what
// a ranker is worth.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "bias/logged_world.h"
#include "dataset/examples.h"

namespace palate::bench {

struct ExamplesPlan {
  // Whether the new ranker sees who the user is; else the item alone.
  bool sees_user = true;
  double judged_from_day = 0;  // rows before are learnt from
};

// Writes OUT/<correction>/{train,held_out} and OUT/judged. A tenth of the visits is held out: for
// early stopping, with the correction. What was estimated, beside the truth, as JSON.
Result<nlohmann::json> write_examples(const World& world, const std::vector<LoggedRow>& log,
                                      const ExamplesPlan& plan, const Path& out);

}  // namespace palate::bench
