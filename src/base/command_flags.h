// The flags and arguments of a program's commands. A cover over CLI11, whose header takes a
// compiler longer than most of our sources do: only command_flags.cc includes it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace palate {

// A flag ("--seed", "-n") or an argument ("user") of a command. A copy stands for the same one,
// which lives as long as its CommandParser. What is said of it where it is declared returns it, for
// more.
class Flag {
 public:
  explicit Flag(CLI::Option* option) : option_(option) {}

  Flag required();
  Flag show_default();  // in the help: what the variable holds now
  Flag between(int low, int high);
  Flag between(uint64_t low, uint64_t high);
  Flag between(double low, double high);
  Flag one_of(const std::vector<std::string>& choices);
  Flag existing_file();
  Flag separated_by(char delimiter);  // of a list: "a,b" is two values
  Flag one_value_each();              // of a list: takes one word, not all up to the next flag
  Flag needs(Flag other);
  Flag excludes(Flag other);
  Flag in_group(const std::string& heading);  // of the help

  [[nodiscard]] std::vector<std::string> names() const;  // with dashes; none of an argument
  [[nodiscard]] std::string sentence() const;
  [[nodiscard]] bool takes_value() const;
  [[nodiscard]] bool is_argument() const;
  [[nodiscard]] std::vector<std::string> choices() const;  // of one_of(); else none

 private:
  CLI::Option* option_;
};

// What one command takes. A copy stands for the same one, which lives as long as its CommandParser.
class CommandFlags {
 public:
  explicit CommandFlags(CLI::App* app) : app_(app) {}

  // Declares a flag with a value: `name` is "--seed", "-n" or both ("--quiet,-q"); without dashes
  // it is an argument, in the order of declaration. Of a bool: a switch, without a value. A vector
  // takes several. What is given is written to `to`, or handed to it, when the command line is
  // parsed.
  Flag add(const std::string& name, bool& to, const std::string& sentence);
  Flag add(const std::string& name, int& to, const std::string& sentence);
  Flag add(const std::string& name, int64_t& to, const std::string& sentence);
  Flag add(const std::string& name, uint32_t& to, const std::string& sentence);
  Flag add(const std::string& name, uint64_t& to, const std::string& sentence);
  Flag add(const std::string& name, double& to, const std::string& sentence);
  Flag add(const std::string& name, std::string& to, const std::string& sentence);
  Flag add(const std::string& name, std::optional<int>& to, const std::string& sentence);
  Flag add(const std::string& name, std::vector<uint64_t>& to, const std::string& sentence);
  Flag add(const std::string& name, std::vector<std::string>& to, const std::string& sentence);
  Flag add(const std::string& name, std::function<void(const std::string&)> to,
           const std::string& sentence);
  // Text below the help.
  void set_footer(const std::string& text);
  // From here on "-1" is refused by those declared without a range that take counts; CLI11 would
  // read it as a very large number.
  void refuse_negative_counts();

  [[nodiscard]] std::string name() const;
  [[nodiscard]] Flag flag(const std::string& name) const;  // one that is declared
  [[nodiscard]] std::vector<Flag> flags() const;
  [[nodiscard]] std::string help() const;
  // Of the command line that was parsed last.
  [[nodiscard]] bool given() const;
  [[nodiscard]] std::vector<std::string> extra_words() const;  // that it has no use for

 private:
  CLI::App* app_;
};

// Why a command line is not followed.
struct NotParsed {
  enum class Why : unsigned char { kAnswered, kExtraWords, kWrong };
  Why why;           // kAnswered: --help or --version was asked for, and `text` is it
  std::string what;  // is wrong
  std::string text;  // kAnswered: for stdout; else what is wrong and a hint, for stderr
  int exit_code;     // of CLI11; 0 for kAnswered
};

// A program of several commands, of which every command line names one. Variables that its flags
// write to must outlive parse().
class CommandParser {
 public:
  struct Program {
    std::string name, sentence, version, footer;
  };
  explicit CommandParser(const Program& program);
  ~CommandParser();
  CommandParser(const CommandParser&) = delete;
  CommandParser& operator=(const CommandParser&) = delete;

  CommandFlags add_command(const std::string& name, const std::string& sentence);
  // The words after the program's name. Nothing: all is well.
  [[nodiscard]] std::optional<NotParsed> parse(std::vector<std::string> words);

  [[nodiscard]] std::vector<CommandFlags> commands() const;
  [[nodiscard]] std::string help() const;

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace palate
