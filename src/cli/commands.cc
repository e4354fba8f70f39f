#include <array>

#include <CLI/CLI.hpp>

#include "cli/command.h"

namespace palate {
namespace {

void add_common_flags(CLI::App& app, Context& context) {
  app.add_option("--config", context.config_file,
                 "The settings file (default: ./palate.toml where there is one)");
  app.add_option_function<std::string>(
      "--data", [&](const std::string& dir) { context.dotted_flags.emplace_back("data.dir", dir); },
      "The data directory (data.dir)");
  app.add_option_function<std::string>(
      "--tenant",
      [&](const std::string& name) { context.dotted_flags.emplace_back("data.tenant", name); },
      "Whose data (data.tenant)");
  app.add_flag("--json", context.json, "Print the result as JSON");
  app.add_flag("--quiet,-q", context.quiet, "No progress bars");
}

// CLI11 would read -1 as a very large number.
void refuse_negative_counts(CLI::App& app) {
  const CLI::Validator check(
      [](std::string& text) {
        return text.starts_with('-') ? text + " is negative" : std::string();
      },
      "", "");
  for (CLI::Option* option : app.get_options()) {
    if (option->get_type_name() == "UINT") option->check(check);
  }
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

std::function<Status(Context&)> declare(const Command& command, CLI::App& app, Context& context) {
  app.footer(std::string(command.examples));
  add_common_flags(app, context);
  auto run = command.declare(app);
  refuse_negative_counts(app);
  return run;
}

}  // namespace palate
