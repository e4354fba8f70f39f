// [validation]: what events may refer to, and how much of a source may be wrong.
#pragma once

#include <string>

#include "base/config.h"
#include "ingest/screen.h"

namespace palate {

struct ValidationConfig {
  std::string unknown_items = "accept";
  std::string unknown_users = "accept";
  std::string compatibility = "backward";
  double error_budget = ScreenRules().error_budget;
  double volume_factor = ScreenRules().volume_factor;
  double types_shift = ScreenRules().types_shift;
  double values_shift = ScreenRules().values_shift;
  [[nodiscard]] ScreenRules screen() const {
    return {error_budget, volume_factor, types_shift, values_shift};
  }
  static void fields(FieldVisitor<ValidationConfig>& field);
};

}  // namespace palate
