#include "cli/usage.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "base/near_names.h"
#include "base/result.h"

namespace palate {
namespace {

int refuse(std::string_view what) {
  std::fprintf(stderr, "palate: %.*s\n", static_cast<int>(what.size()), what.data());
  return code_info(Code::kInvalidArgument).exit_code;
}

std::optional<CommandFlags> command_named(const CommandParser& parser, std::string_view name) {
  for (const CommandFlags& command : parser.commands()) {
    if (command.name() == name) return command;
  }
  return {};
}

std::vector<std::string> command_names(const CommandParser& parser) {
  std::vector<std::string> names;
  for (const CommandFlags& command : parser.commands()) names.push_back(command.name());
  return names;
}

int unknown_command(const CommandLine& line) {
  const std::string& first = line.words.front();
  if (first.starts_with('-')) {
    return refuse(fmt::format(
        "'{}' stands before a command; flags come behind it: palate <command> {} …", first, first));
  }
  return refuse(fmt::format("there is no command '{}'{} (palate --help lists all)", first,
                            did_you_mean(first, command_names(line.parser))));
}

// "; did you mean '--models'?", "; did you mean '--serve.host'?" or nothing.
std::string near_flag(const CommandLine& line, const CommandFlags& command,
                      const std::string& flag) {
  std::vector<std::string> known;
  for (const Flag& one : command.flags()) {
    for (const std::string& name : one.names()) known.push_back(name);
  }
  for (const Field& field : line.settings) {
    if ("--" + field.key == flag) return fmt::format("; did you mean '--{}'?", field.name());
  }
  return did_you_mean(flag, known);
}

int extra_words(const CommandLine& line, const CommandFlags& command) {
  const std::vector<std::string> extra = command.extra_words();
  const auto flag = std::ranges::find_if(
      extra, [](const std::string& word) { return word.size() > 1 && word.starts_with('-'); });
  const std::string name = command.name();
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
    std::fputs(line.parser.help().c_str(), stdout);
    return 0;
  }
  const auto command = command_named(line.parser, line.words[1]);
  if (!command) return unknown_command({line.parser, {line.words[1]}, line.settings});
  std::fputs(command->help().c_str(), stdout);
  return 0;
}

}  // namespace

int report_usage(const CommandLine& line, const NotParsed& failure) {
  if (failure.why == NotParsed::Why::kAnswered) {
    std::fputs(failure.text.c_str(), stdout);
    return 0;
  }
  if (line.words.empty()) {
    std::fputs(line.parser.help().c_str(), stderr);
    return refuse("name a command");
  }
  if (line.words.front() == "help") return help(line);
  const auto command = command_named(line.parser, line.words.front());
  if (!command) return unknown_command(line);
  if (failure.why == NotParsed::Why::kExtraWords) return extra_words(line, *command);
  return refuse(fmt::format("{}; see palate {} --help", failure.what, command->name()));
}

}  // namespace palate
