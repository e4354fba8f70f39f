// A replay on the shell: one row a step, then all steps together.
#pragma once

#include "evaluate/replay_report.h"

namespace palate {

void print_replay(const ReplayReport& report);

}  // namespace palate
