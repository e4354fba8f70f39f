// palate-train: trains models that need LibTorch or LightGBM. `palate` calls it; engineers may,
// too.
#include <algorithm>
#include <cstdio>
#include <deque>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "base/version.h"
#include "train_cli/command.h"

namespace palate {
namespace {

int report(const Error& error) {
  std::fprintf(stderr, "palate-train: %s\n", error.message.c_str());
  return code_info(error.code).exit_code;
}

// docs/reference/training.md.
void print_settings(const ConfigSchema& schema) {
  const std::string page = schema.to_markdown();
  std::printf(
      "# Settings of palate-train\n\nMade by `palate-train settings`. A key `width` of section "
      "`ranker` is the flag "
      "`--ranker.width`; a list's flag given again adds to the list, and `{}` is none.\n%s",
      page.c_str() + page.find("\n## "));
}

constexpr std::string_view kNone = "{}";  // an empty list, as text after a flag

// The flags of a command that are settings, as given.
class SettingFlags {
 public:
  SettingFlags(CommandFlags& command, ConfigSchema& schema,
               const std::vector<std::string_view>& sections)
      : schema_(schema) {
    for (const Field& field : schema.fields()) {
      if (std::ranges::count(sections, field.section) == 0) continue;
      auto& [name, values] = given_.emplace_back(field.name(), Values());
      command.add("--" + name, values, field.sentence).in_group("Settings");
    }
  }
  Status apply() const {
    for (const auto& [name, values] : given_) {
      for (const std::string& value : values) {
        TRY(schema_.apply_flag(name, value == kNone ? "" : value));
      }
    }
    return {};
  }

 private:
  using Values = std::vector<std::string>;
  ConfigSchema& schema_;
  std::deque<std::pair<std::string, Values>> given_;  // stays where it is
};

int run(int argc, char** argv) {
  TrainSettings settings;
  ConfigSchema schema;
  schema.add("ranker", settings.ranker);
  schema.add("training", settings.training);
  schema.add("trees", settings.trees);
  CommandParser parser({.name = "palate-train",
                        .sentence = "Trains rankers on examples.\n",
                        .version = "palate-train " + std::string(version()),
                        .footer = ""});
  CommandFlags fit = parser.add_command("fit", "Train a network and write it");
  CommandFlags trees = parser.add_command("trees", "Train trees (LightGBM) and write them");
  CommandFlags judge = parser.add_command("judge", "How well a written model does on examples");
  CommandFlags precisions =
      parser.add_command("precisions", "What a network loses and saves in fewer bits");
  CommandFlags blend = parser.add_command("blend", "How well several written models do together");
  CommandFlags importance =
      parser.add_command("importance", "How much a model leans on each column, over time");
  CommandFlags ids = parser.add_command("ids", "What ways to give ids rows cost, and examples so");
  CommandFlags towers = parser.add_command("towers", "Train two towers for `palate train`");
  CommandFlags reference = parser.add_command("settings", "Every setting, as Markdown");
  const SettingFlags of_fit(fit, schema, {"ranker", "training"});
  const SettingFlags of_trees(trees, schema, {"trees"});
  const std::vector<std::pair<CommandFlags, std::function<Status()>>> commands{
      {fit, declare_fit(fit, settings)},
      {trees, declare_trees(trees, settings)},
      {judge, declare_judge(judge)},
      {precisions, declare_precisions(precisions)},
      {blend, declare_blend(blend)},
      {importance, declare_importance(importance)},
      {ids, declare_ids(ids)},
      {towers, declare_towers(towers)},
      {reference, [&] { return print_settings(schema), Status{}; }}};
  if (const auto failure = parser.parse({argv + 1, argv + argc})) {
    const bool answered = failure->why == NotParsed::Why::kAnswered;
    std::fputs(failure->text.c_str(), answered ? stdout : stderr);
    return failure->exit_code;
  }
  for (const SettingFlags* flags : {&of_fit, &of_trees}) {
    if (const Status applied = flags->apply(); !applied) return report(applied.error());
  }
  for (const auto& [command, run_command] : commands) {
    if (!command.given()) continue;
    if (const Status done = run_command(); !done) return report(done.error());
  }
  return 0;
}

}  // namespace
}  // namespace palate

int main(int argc, char** argv) {
#if defined(__GLIBC__)
  // A step's matrices are the same sizes as those of the step before: their memory is kept, which
  // saves the system from giving it out and clearing it again.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that it takes
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
  return palate::run(argc, argv);
}
