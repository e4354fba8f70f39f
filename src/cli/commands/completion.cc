#include "cli/completion.h"

#include "cli/command.h"

namespace palate {
namespace {

using Value = CompletionFlag::Value;

// Flags whose value is a place on disk; others take text.
Value value_of(std::string_view name) {
  if (name == "--data") return Value::kDirectory;
  if (name == "--config" || name == "--file" || name == "--out" || name == "--items" ||
      name == "--users") {
    return Value::kFile;
  }
  return Value::kText;
}

// What the first argument may be, where there is a list.
std::vector<std::string> first_words(const CommandFlags& command) {
  for (const Flag& flag : command.flags()) {
    if (flag.is_argument()) return flag.choices();
  }
  return {};
}

CompletionCommand describe(const Command& command) {
  Context unused;
  CommandParser parser({});
  CommandFlags flags = parser.add_command(std::string(command.name), "");
  declare(command, flags, unused);
  CompletionCommand out{std::string(command.name), std::string(command.sentence), {}, {}};
  for (const Flag& flag : flags.flags()) {
    for (const std::string& name : flag.names()) {
      out.flags.push_back(
          {name, flag.sentence(), flag.takes_value() ? value_of(name) : Value::kNone});
    }
  }
  out.words = first_words(flags);
  return out;
}

CompletionModel describe_all() {
  CompletionModel model;
  for (const Command& command : commands()) model.commands.push_back(describe(command));
  const Settings defaults;
  for (const Field& field : defaults.schema.fields()) {
    model.settings.push_back({"--" + field.name(), field.sentence, Value::kText});
  }
  return model;
}

Status print(const std::string& shell) {
  const CompletionModel model = describe_all();
  std::string script;
  if (shell == "bash") script = bash_completion(model);
  if (shell == "zsh") script = zsh_completion(model);
  if (shell == "fish") script = fish_completion(model);
  std::fputs(script.c_str(), stdout);
  return {};
}

}  // namespace

Command completion_command() {
  return {"completion", "Print a completion script for bash, zsh or fish",
          "Examples:\n  source <(palate completion bash)\n"
          "  palate completion zsh > ~/.zfunc/_palate\n"
          "  palate completion fish > ~/.config/fish/completions/palate.fish",
          [](CommandFlags& command) {
            auto shell = std::make_shared<std::string>();
            command.add("shell", *shell, "bash, zsh or fish")
                .required()
                .one_of({"bash", "zsh", "fish"});
            return std::function<Status(Context&)>(
                [shell](Context&) -> Status { return print(*shell); });
          }};
}

}  // namespace palate
