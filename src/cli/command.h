// A command of `palate`: one file under cli/commands/, one line in cli/commands.cc.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "base/command_flags.h"
#include "base/result.h"
#include "cli/context.h"

namespace palate {

struct Command {
  std::string_view name;
  std::string_view sentence;
  std::string_view examples;  // shown under --help
  // Declares the flags and returns what to run once they are parsed. The function owns what
  // the flags write to.
  std::function<Status(Context&)> (*declare)(CommandFlags& flags);
};

std::span<const Command> commands();

// Declares a command's own flags and those that every command takes; what to run once they are
// parsed. `context` must outlive the parsing.
std::function<Status(Context&)> declare(const Command& command, CommandFlags& flags,
                                        Context& context);

Command init_command();
Command check_command();
Command doctor_command();
Command import_command();
Command status_command();
Command train_command();
Command examples_command();
Command evaluate_command();
Command tune_command();
Command compare_command();
Command recommend_command();
Command similar_command();
Command explain_command();
Command serve_command();
Command consume_command();
Command simulate_command();
Command load_command();
Command completion_command();
Command log_command();
Command quarantine_command();
Command forget_command();
Command schema_command();
Command verify_command();
Command inspect_command();
Command sizing_command();
Command lake_command();
Command features_command();
Command pipeline_command();
Command replay_command();
Command trust_command();
Command version_command();

}  // namespace palate
