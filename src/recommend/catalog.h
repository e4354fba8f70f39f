// The catalogue of stages that make an answer, in the order they run; one line a stage in
// catalog.cc. No registration by static initializers.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"

namespace palate {

struct Draft;

// Where drafts that are answered together wait for each other: their personal lists are ranked in
// one pass before it.
inline constexpr std::string_view kRankStage = "rank";

struct Stage {
  std::string_view name;
  std::string_view sentence;
  Status (*run)(Draft& draft);
};

std::span<const Stage> stage_catalogue();

}  // namespace palate
