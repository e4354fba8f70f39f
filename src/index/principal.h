// Principal components of a few hundred rows, by the power method.
#pragma once

#include <vector>

#include "math/rows.h"

namespace palate {

// Of length 1: where `centred` rows (their mean is 0) spread most, after some iterations, which is
// enough for a direction that serves as well as the first component. Any direction where all rows
// are zeros; not finite where values overflow.
std::vector<float> principal_direction(const RowsView& centred);

}  // namespace palate
