// The flags that say what is trained on and what is measured on: of palate evaluate, and of the
// trials that palate tune starts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/command_flags.h"
#include "base/result.h"
#include "events/column_mapping.h"
#include "operate/backtest.h"

namespace palate {

struct SplitFlags {
  std::string split = "auto";
  std::string test, test_preset = "auto", test_overlap = "refuse";
  double test_share = 0.1;

  // Declares them; `this` must outlive the parsing.
  void declare(CommandFlags& command);
  // What they say, as options.
  Status apply(const MappingConfig& import, BacktestOptions& options) const;
  // The same flags once more, for another process.
  [[nodiscard]] std::vector<std::string> arguments() const;
};

}  // namespace palate
