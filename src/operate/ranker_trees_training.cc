#include "operate/ranker_trees_training.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "artefact/artefact.h"
#include "base/log.h"
#include "infer/network.h"
#include "models/ranker/ranker.h"
#include "models/train_program.h"

namespace palate {
namespace {

using Json = nlohmann::json;

Result<Json> train(const TreesJob& job, std::string_view objective, const Path& out,
                   const std::stop_token& stop) {
  TrainProgramCall call{.kind = kRankerKind, .arguments = {"trees"}, .directory = job.directory};
  for (const Path& shard : job.examples.training) call.arguments.push_back(shard.string());
  call.arguments.insert(call.arguments.end(),
                        {"--held-out", job.examples.held_out.string(), "--out", out.string()});
  TreesConfig config = job.config;
  config.beside_network = false;
  config.objective = "binary";
  config.label = objective;
  config.group.clear();
  add_flags("trees", config, call.arguments);
  return run_palate_train(call, stop);
}

Result<Json> weigh(const TreesJob& job, std::string_view objective, const Path& trees,
                   const std::stop_token& stop) {
  const std::string held_out = job.examples.held_out.string();
  const TrainProgramCall call{
      .kind = kRankerKind,
      .arguments = {"blend", job.network.string(), trees.string(), "--held-out", held_out,
                    "--judge", held_out, "--label", std::string(objective)},
      .directory = job.directory};
  return run_palate_train(call, stop);
}

Result<FittedTrees> fit_one(const TreesJob& job, std::string_view objective, Json& metrics,
                            const std::stop_token& stop) {
  const Path out = job.directory / fmt::format("trees.{}", metrics.size());
  const Json trained = TRY(train(job, objective, out, stop));
  const Json weighed = TRY(weigh(job, objective, out, stop));
  const auto weights = weighed.at("weights").get<std::vector<double>>();
  if (std::ranges::all_of(weights, [](double weight) { return weight == 0; })) {
    return fail(Code::kUnavailable, "the held-out examples do not say whether it happens");
  }
  const auto artefact = TRY(Artefact::open(out));
  FittedTrees fitted{.blend = {.objective = std::string(objective),
                               .model = TRY(TreesModel::load(*artefact)),
                               .network = weights[0],
                               .trees = weights[1],
                               .shift = weighed.at("shift").get<double>()},
                     .text = TRY(read_file(out / kTreesTextFile))};
  metrics[std::string(objective)] = {{"network", weighed.at("models").at(0)},
                                     {"trees", weighed.at("models").at(1)},
                                     {"both", weighed.at("blend")},
                                     {"weights", weights},
                                     {"rounds", trained.at("best_round")}};
  return fitted;
}

}  // namespace

Result<std::vector<FittedTrees>> fit_trees(const TreesJob& job, Json& metrics,
                                           const std::stop_token& stop) {
  const auto network = TRY(Network::load(TRY(Artefact::open(job.network))));
  metrics = Json::object();
  std::vector<FittedTrees> trees;
  std::optional<Error> last;
  for (const Output& output : network->spec().outputs) {
    if (output.link != Link::kSigmoid) continue;
    auto fitted = fit_one(job, output.name, metrics, stop);
    if (fitted) {
      trees.push_back(std::move(*fitted));
      continue;
    }
    if (fitted.error().code == Code::kCancelled) return std::unexpected(fitted.error());
    log_warning("no trees beside the network for '{}': {}", output.name, fitted.error().message);
    last = fitted.error();
  }
  if (trees.empty() && last) return std::unexpected(*last);
  return trees;
}

}  // namespace palate
