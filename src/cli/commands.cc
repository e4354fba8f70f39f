#include <array>

#include "cli/command.h"

namespace palate {
namespace {

void add_common_flags(CommandFlags& flags, Context& context) {
  flags.add("--config", context.config_file,
            "The settings file (default: ./palate.toml where there is one)");
  flags.add(
      "--data", [&](const std::string& dir) { context.dotted_flags.emplace_back("data.dir", dir); },
      "The data directory (data.dir)");
  flags.add(
      "--tenant",
      [&](const std::string& name) { context.dotted_flags.emplace_back("data.tenant", name); },
      "Whose data (data.tenant)");
  flags.add("--json", context.json, "Print the result as JSON");
  flags.add("--quiet,-q", context.quiet, "No progress bars");
}

}  // namespace

std::span<const Command> commands() {
  static const std::array list{
      init_command(),    check_command(),      doctor_command(),    import_command(),
      status_command(),  train_command(),      examples_command(),  evaluate_command(),
      compare_command(), tune_command(),       recommend_command(), similar_command(),
      explain_command(), serve_command(),      consume_command(),   simulate_command(),
      load_command(),    completion_command(), log_command(),       quarantine_command(),
      schema_command(),  lake_command(),       verify_command(),    inspect_command(),
      sizing_command(),  features_command(),   pipeline_command(),  replay_command(),
      forget_command(),  trust_command(),      version_command(),
  };
  return list;
}

std::function<Status(Context&)> declare(const Command& command, CommandFlags& flags,
                                        Context& context) {
  flags.set_footer(std::string(command.examples));
  add_common_flags(flags, context);
  auto run = command.declare(flags);
  flags.refuse_negative_counts();
  return run;
}

}  // namespace palate
