// A stage, or a shelf, as it is configured: a name, then key=value, values in quotes where they
// have spaces. `dpp strength=0.3 places=50`
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace palate {

inline constexpr size_t kStageBytesMax = 20'000;

struct StageText {
  std::string kind;
  std::vector<std::pair<std::string, std::string>> parameters;  // each key once
};

// Errors: kInvalidArgument with what stands where.
Result<StageText> parse_stage(std::string_view text);

}  // namespace palate
