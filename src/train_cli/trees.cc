#include <cstdio>

#include <nlohmann/json.hpp>

#include "base/version.h"
#include "models/gbdt/train.h"
#include "train_cli/command.h"
#include "train_cli/scores.h"

namespace palate {
namespace {

using Json = nlohmann::json;

struct Flags {
  std::vector<std::string> examples;
  std::string held_out, out;
};

constexpr int kReportRounds = 10;

void print(const Json& line) {
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

void say_what_is_counted(const TrainedTrees& trained) {
  for (const TreeFeature& feature : trained.model.features) {
    if (feature.reading != TreeReading::kCount) continue;
    std::fprintf(stderr,
                 "palate-train: '%s' has any number of ids a row: trees read only how many\n",
                 feature.column.c_str());
  }
}

Status write(const TrainedTrees& trained, const TreesConfig& config, const Json& report,
             const Path& path) {
  ArtefactWriter out = TRY(ArtefactWriter::create(path));
  TRY(TreesModel::write(trained.model, trained.text, out));
  out.manifest.code_version = version();
  out.manifest.seed = static_cast<uint64_t>(config.seed);
  out.manifest.metrics_json = report.dump();
  return out.commit();
}

Status train(const Flags& flags, const TreesConfig& config) {
  const Examples held_out = TRY(Examples::open(flags.held_out));
  std::vector<Examples> training;
  for (const std::string& path : flags.examples) {
    training.push_back(TRY(Examples::open(path)));
    if (!(training.back().schema() == held_out.schema())) {
      return fail(Code::kInvalidArgument, "{} has other columns than the held-out examples", path);
    }
  }
  const std::string& place = config.library;
  const auto library = TRY(LightGbm::load(place.empty() ? PALATE_LIGHTGBM : place));
  const std::string metric = config.objective == "binary" ? "loss" : "ndcg";
  const auto listener = [&](const TreesRound& round) {
    if (round.round % kReportRounds != 0) return;
    print({{"round", round.round}, {"held_out", {{metric, round.held_out}}}});
  };
  const TrainedTrees trained = TRY(train_trees(*library, config, {training, held_out}, listener));
  say_what_is_counted(trained);
  const Json report = {{"best_round", trained.best_round},
                       {"trees", trained.model.trees->size()},
                       {"held_out", {{trained.model.label, {{metric, trained.held_out}}}}}};
  TRY(write(trained, config, report, flags.out));
  print(report);
  return {};
}

}  // namespace

std::function<Status()> declare_trees(CommandFlags& command, const TrainSettings& settings) {
  auto flags = std::make_shared<Flags>();
  command.add("examples", flags->examples, "Examples to learn from: one directory or several")
      .required();
  command.add("--held-out", flags->held_out, "Examples that training stops by").required();
  command.add("--out", flags->out, "Where the trees are written").required();
  return [flags, &settings] { return train(*flags, settings.trees); };
}

}  // namespace palate
