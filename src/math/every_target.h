// For tests: runs a body once for every instruction set that was compiled and that this processor
// offers.
#pragma once

#include <functional>

#include <gtest/gtest.h>
#include <hwy/highway.h>

namespace palate {

inline void for_every_target(const std::function<void()>& body) {
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace palate
