#include "cli/completion.h"

#include <CLI/CLI.hpp>

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

CompletionCommand describe(const Command& command) {
  Context unused;
  CLI::App app;
  declare(command, app, unused);
  CompletionCommand out{std::string(command.name), std::string(command.sentence), {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    const bool takes_value = option->get_items_expected_max() > 0;
    for (const std::string& name : option->get_lnames()) {
      out.flags.push_back({"--" + name, option->get_description(),
                           takes_value ? value_of("--" + name) : Value::kNone});
    }
    for (const std::string& name : option->get_snames()) {
      out.flags.push_back({"-" + name, option->get_description(),
                           takes_value ? value_of("-" + name) : Value::kNone});
    }
  }
  if (command.name == "completion") out.words = {"bash", "zsh", "fish"};
  if (command.name == "lake") out.words = {"compact", "status", "verify", "files"};
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
          [](CLI::App& app) {
            auto shell = std::make_shared<std::string>();
            app.add_option("shell", *shell, "bash, zsh or fish")
                ->required()
                ->check(CLI::IsMember({"bash", "zsh", "fish"}));
            return std::function<Status(Context&)>(
                [shell](Context&) -> Status { return print(*shell); });
          }};
}

}  // namespace palate
