// palate-train: trains models that need LibTorch. `palate` calls it; engineers may, too.
#include <cstdio>

#include <CLI/CLI.hpp>

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
      "`--ranker.width`; a list's flag given again adds to the list.\n%s",
      page.c_str() + page.find("\n## "));
}

int run(int argc, char** argv) {
  TrainSettings settings;
  ConfigSchema schema;
  schema.add("ranker", settings.ranker);
  schema.add("training", settings.training);
  CLI::App app{"Trains rankers on examples.\n", "palate-train"};
  app.set_version_flag("--version", "palate-train " + std::string(version()));
  app.require_subcommand(1);
  CLI::App* fit = app.add_subcommand("fit", "Train a ranker and write it");
  std::vector<std::pair<std::string, std::vector<std::string>>> given(schema.fields().size());
  for (size_t i = 0; i < given.size(); ++i) {
    given[i].first = schema.fields()[i].name();
    fit->add_option("--" + given[i].first, given[i].second, schema.fields()[i].sentence)
        ->group("Settings");
  }
  const auto run_fit = declare_fit(*fit, settings);
  CLI::App* judge =
      app.add_subcommand("judge", "How well a written network does on examples, as JSON");
  const auto run_judge = declare_judge(*judge);
  const CLI::App* reference = app.add_subcommand("settings", "Every setting, as Markdown");
  CLI11_PARSE(app, argc, argv);
  if (reference->parsed()) {
    print_settings(schema);
    return 0;
  }
  for (const auto& [name, values] : given) {
    for (const std::string& value : values) {
      if (auto applied = schema.apply_flag(name, value); !applied) return report(applied.error());
    }
  }
  const Status status = fit->parsed() ? run_fit() : run_judge();
  return status ? 0 : report(status.error());
}

}  // namespace
}  // namespace palate

int main(int argc, char** argv) { return palate::run(argc, argv); }
