#include <cstdio>

#include <nlohmann/json.hpp>

#include "train_cli/command.h"
#include "train_cli/scores.h"

namespace palate {
namespace {

struct Flags {
  std::string model, examples;
};

Status judge(const Flags& flags) {
  const Examples examples = TRY(Examples::open(flags.examples));
  nlohmann::json line = nlohmann::json::object();
  for (const LabelScores& scores : TRY(score_examples(flags.model, examples))) {
    const KnownRows rows = TRY(known_rows(scores, examples));
    if (!rows.scores.empty()) line[scores.label] = quality_of(scores, rows);
  }
  std::printf("%s\n", line.dump().c_str());
  return {};
}

}  // namespace

std::function<Status()> declare_judge(CommandFlags& command) {
  auto flags = std::make_shared<Flags>();
  command.add("model", flags->model, "A network or trees that palate-train has written").required();
  command.add("examples", flags->examples, "Examples with labels").required();
  return [flags] { return judge(*flags); };
}

}  // namespace palate
