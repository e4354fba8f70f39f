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

struct Weighed {
  std::vector<double> weights;  // network, trees
  double shift = 0;
  Json metrics;
};

// What `palate-train blend` prints.
Result<Weighed> parse_weighed(const Json& said) {
  Weighed weighed;
  for (const Json& weight : said.value("weights", Json::array())) {
    if (weight.is_number()) weighed.weights.push_back(weight.get<double>());
  }
  const Json shift = said.value("shift", Json()), models = said.value("models", Json::array());
  if (weighed.weights.size() != 2 || !shift.is_number() || models.size() != 2) {
    return fail(
        Code::kUnavailable,
        "palate-train blend does not say what the models count for; is it of this version?");
  }
  weighed.shift = shift.get<double>();
  weighed.metrics = {{"network", models[0]},
                     {"trees", models[1]},
                     {"both", said.value("blend", Json())},
                     {"weights", weighed.weights}};
  return weighed;
}

struct Fitted {
  FittedTrees trees;
  Json metrics;
};

// Nothing where the held-out examples do not tell how much either counts.
Result<std::optional<Fitted>> fit_one(const TreesJob& job, const Path& out,
                                      std::string_view objective, const std::stop_token& stop) {
  const Json trained = TRY(train(job, objective, out, stop));
  Weighed weighed = TRY(parse_weighed(TRY(weigh(job, objective, out, stop))));
  const std::vector<double>& weights = weighed.weights;
  if (weights[0] == 0 && weights[1] == 0) return std::nullopt;
  weighed.metrics["rounds"] = trained.value("best_round", Json());
  const auto artefact = TRY(Artefact::open(out));
  return Fitted{.trees = {.blend = {.objective = std::string(objective),
                                    .model = TRY(TreesModel::load(*artefact)),
                                    .network = weights[0],
                                    .trees = weights[1],
                                    .shift = weighed.shift},
                          .text = TRY(read_file(out / kTreesTextFile))},
                .metrics = std::move(weighed.metrics)};
}

}  // namespace

Result<std::vector<FittedTrees>> fit_trees(const TreesJob& job, Json& metrics,
                                           const std::stop_token& stop) {
  const auto network = TRY(Network::load(TRY(Artefact::open(job.network))));
  metrics = Json::object();
  std::vector<FittedTrees> trees;
  const auto& outputs = network->spec().outputs;
  for (size_t o = 0; o < outputs.size(); ++o) {
    if (outputs[o].link != Link::kSigmoid) continue;
    const Path out = job.directory / fmt::format("trees.{}", o);
    auto fitted = TRY(fit_one(job, out, outputs[o].name, stop));
    if (fitted) {
      trees.push_back(std::move(fitted->trees));
      metrics[outputs[o].name] = std::move(fitted->metrics);
    } else {
      log_warning(
          "no trees beside the network for '{}': the held-out examples do not tell it apart",
          outputs[o].name);
    }
  }
  return trees;
}

}  // namespace palate
