// Completion scripts for shells, made from what the commands declare, so that they cannot go stale.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace palate {

struct CompletionFlag {
  std::string name;  // with its dashes
  std::string sentence;
  enum class Value : unsigned char { kNone, kText, kFile, kDirectory } value = Value::kText;
};
struct CompletionCommand {
  std::string name, sentence;
  std::vector<CompletionFlag> flags;
  std::vector<std::string> words;  // allowed as its argument; empty: files
};
struct CompletionModel {
  std::vector<CompletionCommand> commands;
  std::vector<CompletionFlag> settings;  // flags of every command: --als.factors
};

// To be put where the shell looks for them, or sourced.
std::string bash_completion(const CompletionModel& model);
std::string zsh_completion(const CompletionModel& model);
std::string fish_completion(const CompletionModel& model);

}  // namespace palate
