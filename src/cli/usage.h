// What is wrong with a command line, in our words: which word, and what was probably meant.
#pragma once

#include <string>
#include <vector>

#include "base/command_flags.h"
#include "base/config.h"

namespace palate {

struct CommandLine {
  const CommandParser& parser;
  const std::vector<std::string>&
      words;  // as they were typed, settings like --als.factors taken out
  const std::vector<Field>& settings;
};

// Prints what `failure` means (help where help was asked for) and returns the exit code: 0 for
// help, else that of kInvalidArgument. "palate help" and "palate help train" are help too.
int report_usage(const CommandLine& line, const NotParsed& failure);

}  // namespace palate
