// Programs run to their end, several at once.
#pragma once

#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace palate {

struct Program {
  std::vector<std::string> arguments;  // [0] is the path
  Path out, errors;                    // files for stdout and stderr
  int exit_code = -1;                  // of the ended process; 128 + n after signal n
};

// Starts all and waits for all. When `stop` fires they get SIGTERM and kCancelled is returned once
// they have ended. Errors: kIo where one cannot be started (the others are ended).
Status run_programs(std::span<Program> programs, const std::stop_token& stop);

}  // namespace palate
