// The reference page of features (docs/reference/features.md), out of what they say of themselves.
#pragma once

#include <string>

namespace palate {

std::string feature_reference();

}  // namespace palate
