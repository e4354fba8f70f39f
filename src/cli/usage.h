// What is wrong with a command line, in our words: which word, and what was probably meant.
#pragma once

#include <string>
#include <vector>

#include "base/config.h"

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace palate {

struct CommandLine {
  const CLI::App& app;
  const std::vector<std::string>&
      words;  // as they were typed, settings like --als.factors taken out
  const std::vector<Field>& settings;
};

// Prints what `error` means (help where help was asked for) and returns the exit code: 0 for help,
// else that of kInvalidArgument. "palate help" and "palate help train" are help too.
int report_usage(const CommandLine& line, const CLI::ParseError& error);

}  // namespace palate
