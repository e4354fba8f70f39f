// Whether two specs are one network up to its numbers: what was learnt for one may go on being
// learnt for the other.
#pragma once

#include <string>

#include "infer/network_spec.h"

namespace palate {

// What differs first, as a few words ("the field 'tags' is 8 wide, it was 16"); empty: nothing. How
// many rows tables have and how outputs are calibrated may differ.
std::string difference_of(const NetworkSpec& now, const NetworkSpec& before);

}  // namespace palate
