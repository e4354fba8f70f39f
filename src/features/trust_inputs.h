// What a model of trust is given: a few numbers of an account's activity, most from 0 to 1.
#pragma once

#include <array>
#include <string_view>

#include "features/activity.h"

namespace palate {

inline constexpr std::array<std::string_view, 11> kTrustInputNames{
    "unprompted",      // share of likes and dislikes that answer no slate
    "never_shown",     // 1 while nothing was shown, halved with every eight things
    "neither",         // the product of both
    "one_item",        // share of one item in what answers no slate
    "one_unprompted",  // the same times `unprompted`
    "repeats",         // how often that item, logarithm
    "dislikes",        // share of dislikes
    "rate",            // acts an hour, logarithm
    "beat",            // how regular gaps are
    "tastes",          // likes and dislikes, logarithm
    "age",             // hours since the first event, logarithm
};
using TrustInputs = std::array<double, kTrustInputNames.size()>;

TrustInputs trust_inputs(const UserActivity& activity);
// As where nobody's likes answer slates.
TrustInputs without_slates(TrustInputs inputs);

}  // namespace palate
