#include "cli/completion.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace palate {
namespace {

using Value = CompletionFlag::Value;

// `text` in single quotes, for all three shells. Sentences only: a quote in it is doubled away.
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\n') break;
    if (c == '\'') continue;
    out += c;
  }
  return out + "'";
}

std::string flag_names(const std::vector<CompletionFlag>& flags) {
  std::string out;
  for (const auto& flag : flags) out += (out.empty() ? "" : " ") + flag.name;
  return out;
}

// "--config|--file" of the flags that take such a value; a name that no flag has when there is
// none.
std::string taking(const CompletionModel& model, Value value) {
  std::vector<std::string> names;
  const auto add = [&](const CompletionFlag& flag) {
    if (flag.value == value && std::ranges::find(names, flag.name) == names.end()) {
      names.push_back(flag.name);
    }
  };
  for (const auto& command : model.commands) std::ranges::for_each(command.flags, add);
  std::ranges::for_each(model.settings, add);
  return names.empty() ? "--none" : fmt::format("{}", fmt::join(names, "|"));
}

// zsh reads "name:sentence": a colon in the name must be escaped, and there is none.
std::string described(std::string_view name, std::string_view sentence) {
  return in_quotes(fmt::format("{}:{}", name, sentence));
}

}  // namespace

std::string bash_completion(const CompletionModel& model) {
  std::string names, cases;
  for (const auto& command : model.commands) {
    names += (names.empty() ? "" : " ") + command.name;
    cases += fmt::format("    {}) flags='{}' words='{}' ;;\n", command.name,
                         flag_names(command.flags), fmt::join(command.words, " "));
  }
  return fmt::format(
      R"(# bash completion for palate: palate completion bash > /etc/bash_completion.d/palate
_palate() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
  local command=${{COMP_WORDS[1]}} flags words
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '{} --help --version' -- "$word"))
    return
  fi
  case $before in
    {}) COMPREPLY=($(compgen -f -- "$word")); return ;;
    {}) COMPREPLY=($(compgen -d -- "$word")); return ;;
    {}) return ;;
  esac
  case $command in
{}    *) return ;;
  esac
  case $word in
    --*.*) COMPREPLY=($(compgen -W '{}' -- "$word")) ;;
    -*) COMPREPLY=($(compgen -W "$flags" -- "$word")) ;;
    *)
      if [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$word"))
      else COMPREPLY=($(compgen -f -- "$word")); fi ;;
  esac
}}
complete -o filenames -F _palate palate
)",
      names, taking(model, Value::kFile), taking(model, Value::kDirectory),
      taking(model, Value::kText), cases, flag_names(model.settings));
}

std::string zsh_completion(const CompletionModel& model) {
  std::string names, cases, settings;
  for (const auto& command : model.commands) {
    names += "    " + described(command.name, command.sentence) + "\n";
    cases += fmt::format("    {})\n      flags=(\n", command.name);
    for (const auto& flag : command.flags) {
      cases += "        " + described(flag.name, flag.sentence) + "\n";
    }
    cases += fmt::format("      )\n      words=({}) ;;\n", fmt::join(command.words, " "));
  }
  for (const auto& flag : model.settings) {
    settings += "        " + described(flag.name, flag.sentence) + "\n";
  }
  return fmt::format(
      R"(#compdef palate
# zsh completion for palate: palate completion zsh > "${{fpath[1]}}/_palate"
_palate() {{
  local word=${{words[CURRENT]}} before=${{words[CURRENT-1]}} command=${{words[2]}}
  local -a names=(
{}  )
  if (( CURRENT == 2 )); then
    _describe command names
    return
  fi
  case $before in
    {}) _files; return ;;
    {}) _files -/; return ;;
    {}) return ;;
  esac
  local -a flags words
  case $command in
{}    *) return ;;
  esac
  case $word in
    --*.*)
      flags=(
{}      )
      _describe setting flags ;;
    -*) _describe flag flags ;;
    *) if (( $#words )); then compadd -a words; else _files; fi ;;
  esac
}}
# Autoloaded, this file is the body of the first call; sourced, it registers.
if [ "$funcstack[1]" = _palate ]; then _palate "$@"; else compdef _palate palate; fi
)",
      names, taking(model, Value::kFile), taking(model, Value::kDirectory),
      taking(model, Value::kText), cases, settings);
}

std::string fish_completion(const CompletionModel& model) {
  std::string out =
      "# fish completion for palate: palate completion fish > "
      "~/.config/fish/completions/palate.fish\n";
  const auto flag_line = [&](const CompletionFlag& flag, std::string_view condition) {
    if (!flag.name.starts_with("--")) return;
    std::string_view files;
    if (flag.value == Value::kText) files = " -x";
    if (flag.value == Value::kFile) files = " -rF";
    if (flag.value == Value::kDirectory) files = " -xa '(__fish_complete_directories)'";
    out += fmt::format("complete -c palate -n {} -l {}{} -d {}\n", in_quotes(condition),
                       flag.name.substr(2), files, in_quotes(flag.sentence));
  };
  for (const auto& command : model.commands) {
    out += fmt::format("complete -c palate -n __fish_use_subcommand -xa {} -d {}\n", command.name,
                       in_quotes(command.sentence));
    const auto condition = "__fish_seen_subcommand_from " + command.name;
    if (!command.words.empty()) {
      out += fmt::format("complete -c palate -n {} -xa '{}'\n", in_quotes(condition),
                         fmt::join(command.words, " "));
    }
    for (const auto& flag : command.flags) flag_line(flag, condition);
  }
  for (const auto& flag : model.settings) {
    flag_line(flag, "string match -q -- \"--*.*\" (commandline -ct)");
  }
  return out;
}

}  // namespace palate
