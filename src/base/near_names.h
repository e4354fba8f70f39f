// "Did you mean": the nearest known names to one that is not known.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace palate {

// "; did you mean 'als.factors'?" or, with nothing near, "". Near: at most a third of the
// letters added, left out, changed or swapped with their neighbour.
std::string did_you_mean(std::string_view name, std::span<const std::string> known);

}  // namespace palate
