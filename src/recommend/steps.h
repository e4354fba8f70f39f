// The steps that make an answer, in the order they run; one line a step in steps.cc. No
// registration by static initializers.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"

namespace palate {

struct Draft;

// Where drafts that are answered together wait for each other: their personal lists are ranked in
// one pass before it.
inline constexpr std::string_view kRankStep = "rank";
// Behind which an explanation asks the rules about one item.
inline constexpr std::string_view kFilterStep = "filter";

struct Step {
  std::string_view name;
  std::string_view sentence;
  Status (*run)(Draft& draft);
};

std::span<const Step> request_steps();

}  // namespace palate
