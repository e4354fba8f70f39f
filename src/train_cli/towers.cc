#include "models/two_tower/towers.h"

#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "base/version.h"
#include "learn/tower_trainer.h"
#include "models/model_config.h"
#include "train_cli/command.h"

namespace palate {
namespace {

using Json = nlohmann::json;

struct Flags {
  std::string examples, out;
  int threads = 0;
};

TowerOptions options_of(const TwoTowerConfig& config, uint64_t seed) {
  TowerOptions options;
  options.batches = {.rows = static_cast<size_t>(config.batch),
                     .negatives = static_cast<size_t>(config.negatives),
                     .history = static_cast<size_t>(config.history),
                     .history_dropout = config.history_dropout,
                     .half_life = config.half_life_items,
                     .past_only = config.past_only,
                     .seed = seed};
  options.temperature = config.temperature;
  options.normalize = config.normalize;
  options.id_dropout = config.id_dropout;
  options.dense = {.rule = Rule::kAdam, .learning_rate = config.learning_rate};
  options.tables = {
      .rule = Rule::kAdagrad, .learning_rate = config.table_learning_rate, .l2 = config.l2};
  options.table.sigma = 0.5 / std::sqrt(static_cast<double>(config.width));
  options.seed = seed;
  return options;
}

void print_epoch(std::string_view what, int epoch, double loss) {
  std::printf("%s\n", Json{{what, epoch}, {"training_loss", loss}}.dump().c_str());
  std::fflush(stdout);
}

// The losses by epoch.
Result<Json> train(TowerTrainer& trainer, const TwoTowerConfig& config) {
  Json texts = Json::array(), likes = Json::array();
  for (int epoch = 1; epoch <= config.text_epochs; ++epoch) {
    texts.push_back(trainer.text_epoch());
    print_epoch("text_epoch", epoch, texts.back());
  }
  for (int epoch = 1; epoch <= config.epochs; ++epoch) {
    const double loss = trainer.epoch();
    if (!std::isfinite(loss)) {
      return fail(Code::kInvalidArgument,
                  "the loss diverged in epoch {}: lower two_tower.table_learning_rate or "
                  "two_tower.learning_rate",
                  epoch);
    }
    likes.push_back(loss);
    print_epoch("epoch", epoch, loss);
  }
  return Json{{"rows", trainer.rows()}, {"text_loss_by_epoch", texts}, {"loss_by_epoch", likes}};
}

Status towers(const Flags& flags) {
  const auto artefact = TRY(Artefact::open(flags.examples));
  const TwoTowerConfig config = TRY(read_model_config<TwoTowerConfig>(*artefact));
  const auto details = Json::parse(artefact->manifest().details_json, nullptr, false);
  const auto traits = details.is_object() ? details.value("traits", uint32_t{0}) : 0;
  const TowerRows rows{.profiles = traits + 1,
                       .terms = static_cast<size_t>(config.term_rows),
                       .subwords = static_cast<size_t>(config.subword_rows)};
  const TowerExamples examples = TRY(read_tower_examples(*artefact, rows));
  const TowerShapes shapes{.items = static_cast<uint32_t>(examples.items() + 1),
                           .profiles = traits + 1,
                           .vector = static_cast<uint32_t>(examples.vector_width)};
  TowerNetworks networks{user_tower(config, shapes), item_tower(config, shapes)};
  const NetworkSpec spec = both_towers(networks.user.spec, networks.item.spec);
  ThreadPool pool(static_cast<size_t>(flags.threads));
  TowerTrainer trainer = TRY(TowerTrainer::create(
      std::move(networks), examples, options_of(config, artefact->manifest().seed), pool));
  const Json metrics = TRY(train(trainer, config));
  ArtefactWriter out = TRY(ArtefactWriter::create(flags.out));
  out.manifest.kind = "network";
  out.manifest.code_version = version();
  out.manifest.seed = artefact->manifest().seed;
  out.manifest.details_json = Json{{"network", Json::parse(spec.to_json())}}.dump();
  out.manifest.metrics_json = metrics.dump();
  trainer.write(out);
  TRY(out.commit());
  std::printf("%s\n", metrics.dump().c_str());
  return {};
}

}  // namespace

std::function<Status()> declare_towers(CommandFlags& command) {
  auto flags = std::make_shared<Flags>();
  command.add("examples", flags->examples, "What `palate train` wrote down to learn from")
      .required();
  command.add("--out", flags->out, "Where the networks are written").required();
  command.add("--threads", flags->threads, "0: one per core").between(0, 1024);
  return [flags] { return towers(*flags); };
}

}  // namespace palate
