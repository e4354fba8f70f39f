// palate: parses the command line, reads the settings, runs one command, turns an error into a
// message and an exit code.
#include <algorithm>
#include <cstdio>
#include <new>
#include <system_error>

#include "base/faults.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/progress.h"
#include "base/stop.h"
#include "base/version.h"
#include "cli/command.h"
#include "cli/usage.h"

namespace palate {
namespace {

int report(const Error& error) {
  std::fprintf(stderr, "palate: %s\n", error.message.c_str());
  const bool stopped = error.code == Code::kCancelled && stop_exit_code() != 0;
  return stopped ? stop_exit_code() : code_info(error.code).exit_code;
}

int report_no_memory(std::string_view what) {
  const auto memory = read_memory();
  return report({Code::kNoMemory,
                 fmt::format("{}; the limit is that of the {}. Nothing half-written was left. See "
                             "palate doctor, and lower what the command holds at once",
                             what, memory ? memory->limited_by : "machine")});
}

int run(std::vector<std::string> arguments) {
  if (auto planted = plant_faults_from_environment(); !planted) return report(planted.error());
  Context context;
  auto dotted = take_dotted_flags(arguments);
  if (!dotted) return report(dotted.error());
  context.dotted_flags = std::move(*dotted);

  CommandParser parser(
      {.name = "palate",
       .sentence = "Palate: events in, ranked and explained lists out.\n",
       .version = "palate " + std::string(version()),
       .footer = "Every setting is a flag too: --als.factors 128 (see palate init).\n"
                 "Exit codes: 0 done, 2 wrong input, 3 not found, 5 held by another process, 6 "
                 "corrupt,\n9 disk full, 13 nothing trained yet, 130 interrupted, 143 terminated; "
                 "all: docs/formats/errors.md"});
  std::vector<std::pair<CommandFlags, std::function<Status(Context&)>>> declared;
  for (const Command& command : commands()) {
    auto flags = parser.add_command(std::string(command.name), std::string(command.sentence));
    declared.emplace_back(flags, declare(command, flags, context));
  }
  if (const auto failure = parser.parse(arguments)) {
    return report_usage({parser, arguments, context.settings.schema.fields()}, *failure);
  }
  const auto chosen =
      std::ranges::find_if(declared, [](const auto& one) { return one.first.given(); });
  if (context.quiet || context.json) Progress::disable();
  if (auto loaded = context.load_settings(); !loaded) return report(loaded.error());
  try {
    install_signal_handlers();
    if (auto status = chosen->second(context); !status) return report(status.error());
  } catch (const std::bad_alloc&) {
    return report_no_memory("there is not enough memory for this");
  } catch (const std::system_error& error) {  // std::thread says nothing else
    return report_no_memory(fmt::format("no thread could be started ({})", error.what()));
  }
  return 0;
}

}  // namespace
}  // namespace palate

int main(int argc, char** argv) { return palate::run({argv + 1, argv + argc}); }
