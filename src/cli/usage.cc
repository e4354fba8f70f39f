#include "cli/usage.h"

#include <algorithm>
#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/near_names.h"
#include "base/result.h"

namespace palate {
namespace {

int refuse(std::string_view what) {
  std::fprintf(stderr, "palate: %.*s\n", static_cast<int>(what.size()), what.data());
  return code_info(Code::kInvalidArgument).exit_code;
}

const CLI::App* command_named(const CLI::App& app, std::string_view name) {
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name() == name) return command;
  }
  return nullptr;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

int unknown_command(const CommandLine& line) {
  const std::string& first = line.words.front();
  if (first.starts_with('-')) {
    return refuse(fmt::format(
        "'{}' stands before a command; flags come behind it: palate <command> {} …", first, first));
  }
  return refuse(fmt::format("there is no command '{}'{} (palate --help lists all)", first,
                            did_you_mean(first, command_names(line.app))));
}

// "; did you mean '--models'?", "; did you mean '--serve.host'?" or nothing.
std::string near_flag(const CommandLine& line, const CLI::App& command, const std::string& flag) {
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    for (const std::string& name : option->get_snames()) known.push_back("-" + name);
  }
  for (const Field& field : line.settings) {
    if ("--" + field.key == flag) return fmt::format("; did you mean '--{}'?", field.name());
  }
  return did_you_mean(flag, known);
}

int extra_words(const CommandLine& line, const CLI::App& command) {
  const std::vector<std::string> extra = command.remaining();
  const auto flag = std::ranges::find_if(
      extra, [](const std::string& word) { return word.size() > 1 && word.starts_with('-'); });
  const std::string name = command.get_name();
  if (flag != extra.end()) {
    const std::string bare = flag->substr(0, flag->find('='));
    return refuse(fmt::format("palate {} has no flag '{}'{} (palate {} --help lists all)", name,
                              bare, near_flag(line, command, bare), name));
  }
  return refuse(fmt::format("palate {} does not expect '{}'; palate {} --help says what it takes",
                            name, extra.empty() ? "" : extra.front(), name));
}

int help(const CommandLine& line) {
  if (line.words.size() < 2) {
    std::fputs(line.app.help().c_str(), stdout);
    return 0;
  }
  const CLI::App* command = command_named(line.app, line.words[1]);
  if (command == nullptr) return unknown_command({line.app, {line.words[1]}, line.settings});
  std::fputs(command->help(line.app.get_name()).c_str(), stdout);
  return 0;
}

}  // namespace

int report_usage(const CommandLine& line, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return line.app.exit(error);  // --help, --version
  if (line.words.empty()) {
    std::fputs(line.app.help().c_str(), stderr);
    return refuse("name a command");
  }
  if (line.words.front() == "help") return help(line);
  const CLI::App* command = command_named(line.app, line.words.front());
  if (command == nullptr) return unknown_command(line);
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) return extra_words(line, *command);
  return refuse(fmt::format("{}; see palate {} --help", error.what(), command->get_name()));
}

}  // namespace palate
