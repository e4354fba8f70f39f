#include "base/command_flags.h"

#include <algorithm>
#include <sstream>

#include <CLI/CLI.hpp>

namespace palate {
namespace {

// Also of commands that were not given.
std::vector<CLI::App*> commands_of(CLI::App& app) {
  return app.get_subcommands([](CLI::App*) { return true; });
}

}  // namespace

Flag Flag::required() { return Flag(option_->required()); }
Flag Flag::show_default() { return Flag(option_->capture_default_str()); }
Flag Flag::between(int low, int high) { return Flag(option_->check(CLI::Range(low, high))); }
Flag Flag::between(uint64_t low, uint64_t high) {
  return Flag(option_->check(CLI::Range(low, high)));
}
Flag Flag::between(double low, double high) { return Flag(option_->check(CLI::Range(low, high))); }
Flag Flag::one_of(const std::vector<std::string>& choices) {
  return Flag(option_->check(CLI::IsMember(choices)));
}
Flag Flag::existing_file() { return Flag(option_->check(CLI::ExistingFile)); }
Flag Flag::separated_by(char delimiter) { return Flag(option_->delimiter(delimiter)); }
Flag Flag::one_value_each() { return Flag(option_->allow_extra_args(false)); }
Flag Flag::needs(Flag other) { return Flag(option_->needs(other.option_)); }
Flag Flag::excludes(Flag other) { return Flag(option_->excludes(other.option_)); }
Flag Flag::in_group(const std::string& heading) { return Flag(option_->group(heading)); }

std::vector<std::string> Flag::names() const {
  std::vector<std::string> names;
  for (const std::string& name : option_->get_lnames()) names.push_back("--" + name);
  for (const std::string& name : option_->get_snames()) names.push_back("-" + name);
  return names;
}

std::string Flag::sentence() const { return option_->get_description(); }
bool Flag::takes_value() const { return option_->get_items_expected_max() > 0; }
bool Flag::is_argument() const { return option_->get_positional(); }

std::vector<std::string> Flag::choices() const {
  const std::string type = option_->get_type_name();  // "TEXT:{bash,zsh,fish}"
  const size_t open = type.find('{'), close = type.rfind('}');
  std::vector<std::string> choices;
  if (open == std::string::npos || close == std::string::npos) return choices;
  std::istringstream list(type.substr(open + 1, close - open - 1));
  for (std::string choice; std::getline(list, choice, ',');) choices.push_back(choice);
  return choices;
}

Flag CommandFlags::add(const std::string& name, bool& to, const std::string& sentence) {
  return Flag(app_->add_flag(name, to, sentence));
}
Flag CommandFlags::add(const std::string& name, int& to, const std::string& sentence) {
  return Flag(app_->add_option(name, to, sentence));
}
Flag CommandFlags::add(const std::string& name, int64_t& to, const std::string& sentence) {
  return Flag(app_->add_option(name, to, sentence));
}
Flag CommandFlags::add(const std::string& name, uint32_t& to, const std::string& sentence) {
  return Flag(app_->add_option(name, to, sentence));
}
Flag CommandFlags::add(const std::string& name, uint64_t& to, const std::string& sentence) {
  return Flag(app_->add_option(name, to, sentence));
}
Flag CommandFlags::add(const std::string& name, double& to, const std::string& sentence) {
  return Flag(app_->add_option(name, to, sentence));
}
Flag CommandFlags::add(const std::string& name, std::string& to, const std::string& sentence) {
  return Flag(app_->add_option(name, to, sentence));
}
Flag CommandFlags::add(const std::string& name, std::optional<int>& to,
                       const std::string& sentence) {
  return Flag(app_->add_option(name, to, sentence));
}
Flag CommandFlags::add(const std::string& name, std::vector<uint64_t>& to,
                       const std::string& sentence) {
  return Flag(app_->add_option(name, to, sentence));
}
Flag CommandFlags::add(const std::string& name, std::vector<std::string>& to,
                       const std::string& sentence) {
  return Flag(app_->add_option(name, to, sentence));
}
Flag CommandFlags::add(const std::string& name, std::function<void(const std::string&)> to,
                       const std::string& sentence) {
  return Flag(app_->add_option_function<std::string>(name, to, sentence));
}

void CommandFlags::set_footer(const std::string& text) { app_->footer(text); }

void CommandFlags::refuse_negative_counts() {
  const CLI::Validator check(
      [](std::string& text) {
        return text.starts_with('-') ? text + " is negative" : std::string();
      },
      "", "");
  for (CLI::Option* option : app_->get_options()) {
    if (option->get_type_name() == "UINT") option->check(check);
  }
}

std::string CommandFlags::name() const { return app_->get_name(); }
Flag CommandFlags::flag(const std::string& name) const { return Flag(app_->get_option(name)); }

std::vector<Flag> CommandFlags::flags() const {
  std::vector<Flag> flags;
  for (CLI::Option* option : app_->get_options()) flags.emplace_back(option);
  return flags;
}

std::string CommandFlags::help() const { return app_->help(app_->get_parent()->get_name()); }
bool CommandFlags::given() const { return app_->parsed(); }
std::vector<std::string> CommandFlags::extra_words() const { return app_->remaining(); }

CommandParser::CommandParser(const Program& program)
    : app_(std::make_unique<CLI::App>(program.sentence, program.name)) {
  app_->set_version_flag("--version", program.version);
  app_->require_subcommand(1);
  app_->footer(program.footer);
}

CommandParser::~CommandParser() = default;

CommandFlags CommandParser::add_command(const std::string& name, const std::string& sentence) {
  return CommandFlags(app_->add_subcommand(name, sentence));
}

std::optional<NotParsed> CommandParser::parse(std::vector<std::string> words) {
  std::ranges::reverse(words);  // as CLI11 takes them
  try {
    app_->parse(words);
  } catch (const CLI::ParseError& error) {
    std::ostringstream text;
    const int exit_code = app_->exit(error, text, text);
    auto why = exit_code == 0 ? NotParsed::Why::kAnswered : NotParsed::Why::kWrong;
    if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
      why = NotParsed::Why::kExtraWords;
    }
    return NotParsed{why, error.what(), text.str(), exit_code};
  }
  return {};
}

std::vector<CommandFlags> CommandParser::commands() const {
  std::vector<CommandFlags> commands;
  for (CLI::App* command : commands_of(*app_)) commands.emplace_back(command);
  return commands;
}

std::string CommandParser::help() const { return app_->help(); }

}  // namespace palate
