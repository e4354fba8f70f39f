// palate: parses the command line, reads the settings, runs one command, turns an error into a
// message and an exit code.
#include <cstdio>
#include <new>

#include <CLI/CLI.hpp>

#include "base/faults.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/stop.h"
#include "base/version.h"
#include "cli/command.h"

namespace palate {
namespace {

int report(const Error& error) {
  std::fprintf(stderr, "palate: %s\n", error.message.c_str());
  const bool stopped = error.code == Code::kCancelled && stop_exit_code() != 0;
  return stopped ? stop_exit_code() : code_info(error.code).exit_code;
}

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

int run(std::vector<std::string> arguments) {
  if (auto planted = plant_faults_from_environment(); !planted) return report(planted.error());
  Context context;
  auto dotted = take_dotted_flags(arguments);
  if (!dotted) return report(dotted.error());
  context.dotted_flags = std::move(*dotted);

  CLI::App app{"Palate: events in, ranked and explained lists out.\n"};
  app.set_version_flag("--version", "palate " + std::string(version()));
  app.require_subcommand(1);
  app.footer(
      "Every setting is a flag too: --als.factors 128 (see palate init).\n"
      "Exit codes: 0 done, 2 wrong input, 3 not found, 5 held by another process, 6 corrupt,\n"
      "9 disk full, 13 nothing trained yet, 130 interrupted; all: docs/formats/errors.md");
  std::function<Status(Context&)> chosen;
  for (const Command& command : commands()) {
    CLI::App* sub = app.add_subcommand(std::string(command.name), std::string(command.sentence));
    sub->footer(std::string(command.examples));
    add_common_flags(*sub, context);
    auto action = command.declare(*sub);
    sub->callback([&chosen, action] { chosen = action; });
  }
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    const int rc = app.exit(error);
    return rc == 0 ? 0 : code_info(Code::kInvalidArgument).exit_code;
  }
  if (context.quiet || context.json) Progress::disable();
  if (auto loaded = context.load_settings(); !loaded) return report(loaded.error());
  install_signal_handlers();
  try {
    if (auto status = chosen(context); !status) return report(status.error());
  } catch (const std::bad_alloc&) {
    return report({Code::kNoMemory,
                   "there is not enough memory for this; nothing half-written was left. See the "
                   "limits with palate doctor, and lower what the command holds at once"});
  }
  return 0;
}

}  // namespace
}  // namespace palate

int main(int argc, char** argv) { return palate::run({argv + 1, argv + argc}); }
