#include "learn/fit.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "base/version.h"
#include "infer/narrow.h"
#include "models/ranker/train_inputs.h"
#include "train_cli/command.h"
#include "train_cli/training_options.h"

namespace palate {
namespace {

using Json = nlohmann::json;

struct Flags {
  std::vector<std::string> examples;
  std::string held_out, out, from;
  bool mixed = false;
};

Json json_of(const std::vector<OutputQuality>& qualities, const std::vector<Output>& outputs) {
  Json json = Json::object();
  for (size_t i = 0; i < outputs.size(); ++i) {
    json[outputs[i].name] = {{"loss", qualities[i].loss}};
    if (qualities[i].auc) json[outputs[i].name]["auc"] = *qualities[i].auc;
    if (qualities[i].rmse) json[outputs[i].name]["rmse"] = *qualities[i].rmse;
    if (qualities[i].gap) json[outputs[i].name]["gap"] = *qualities[i].gap;
  }
  return json;
}

void print_epoch(const EpochReport& report, const std::vector<Output>& outputs) {
  const Json line = {{"epoch", report.epoch},
                     {"training_loss", report.training_loss},
                     {"held_out", json_of(report.held_out, outputs)},
                     {"seconds", report.seconds},
                     {"examples_per_s", report.rows_per_s}};
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

Result<ArtefactWriter> start_network(const FitOutcome& outcome, const TrainSettings& settings,
                                     const Path& path) {
  ArtefactWriter out = TRY(ArtefactWriter::create(path));
  out.manifest.kind = "network";
  out.manifest.code_version = version();
  out.manifest.seed = static_cast<uint64_t>(settings.training.seed);
  out.manifest.metrics_json = Json{{"best_epoch", outcome.best_epoch},
                                   {"held_out", json_of(outcome.held_out, outcome.outputs)}}
                                  .dump();
  return out;
}

Status write_fp32(const Trainer& trainer, const FitOutcome& outcome, const TrainSettings& settings,
                  const Path& path) {
  ArtefactWriter out = TRY(start_network(outcome, settings, path));
  NetworkSpec spec = trainer.spec();
  spec.outputs = outcome.outputs;
  out.manifest.details_json = Json{{"network", Json::parse(spec.to_json())}}.dump();
  trainer.write(out);
  return out.commit();
}

// In fp32 beside it first, where it is to have fewer bits.
Status write(const Trainer& trainer, const FitOutcome& outcome, const TrainSettings& settings,
             const Path& path) {
  const NarrowOptions narrow{TRY(parse_precision(settings.training.layers)),
                             TRY(parse_precision(settings.training.tables))};
  if (narrow.layers == Precision::kF32 && narrow.tables == Precision::kF32) {
    return write_fp32(trainer, outcome, settings, path);
  }
  const Path whole = path.string() + ".fp32";
  std::error_code ignored;
  std::filesystem::remove_all(whole, ignored);  // of a run that was stopped here
  TRY(write_fp32(trainer, outcome, settings, whole));
  ArtefactWriter out = TRY(start_network(outcome, settings, path));
  TRY(narrow_network(TRY(Artefact::open(whole)), narrow, out));
  TRY(out.commit());
  std::filesystem::remove_all(whole, ignored);
  return {};
}

// What a checkpoint is of. The other settings say when to stop, with how many threads, and what to
// make of the outcome. Errors: those of Artefact::open().
Result<std::string> of_what(const Flags& flags, const TrainSettings& settings) {
  constexpr std::array kOthers{"epochs",     "patience", "threads", "readers",
                               "checkpoint", "layers",   "tables",  "calibration"};
  TrainSettings copy = settings;
  ConfigSchema schema;
  schema.add("ranker", copy.ranker);
  schema.add("training", copy.training);
  Json json{{"mixed_precision", flags.mixed}};
  for (const Field& field : schema.fields()) {
    const std::string name = field.name();
    if (std::ranges::count(kOthers, name.substr(name.find('.') + 1)) > 0) continue;
    std::visit([&](const auto& value) { json[name] = value; }, field.get());
  }
  std::vector<std::string> read = flags.examples;
  read.push_back(flags.held_out);
  if (!flags.from.empty()) read.push_back(flags.from);
  for (const std::string& path : read) {
    json["read"].push_back(TRY(Artefact::open(path))->manifest().checksums);
  }
  return json.dump();
}

Status fit(const Flags& flags, const TrainSettings& settings) {
  FitData data{.training = {}, .held_out = TRY(Examples::open(flags.held_out))};
  const ExampleSchema& schema = data.held_out.schema();
  for (const std::string& path : flags.examples) {
    data.training.push_back(TRY(Examples::open(path)));
    if (!(data.training.back().schema() == schema)) {
      return fail(Code::kInvalidArgument, "{} has other columns than the held-out examples", path);
    }
  }
  ThreadPool pool(static_cast<size_t>(settings.training.threads));
  const RankerInputs inputs = TRY(ranker_inputs(schema, settings.ranker));
  TrainableNetwork plan = TRY(ranker_network(settings.ranker, inputs));
  TrainerOptions options = TRY(trainer_options(settings.training, plan.spec.outputs));
  options.bf16 = flags.mixed;
  Trainer trainer = TRY(Trainer::create(std::move(plan), schema, options, pool));
  if (flags.from.empty()) {
    trainer.learn_scales(data.training);
  } else {
    TRY(trainer.start_from(*TRY(Artefact::open(flags.from))));
  }
  const auto listener = [&](const EpochReport& report) {
    print_epoch(report, trainer.spec().outputs);
  };
  FitOptions how = fit_options(settings.training);
  how.of_what = TRY(of_what(flags, settings));
  const FitOutcome outcome = TRY(palate::fit(trainer, data, how, {.epoch = listener}));
  if (outcome.diverged) {
    std::fprintf(stderr,
                 "palate-train: the loss diverged after epoch %zu; the best epoch before is "
                 "written. Lower the learning rates, or set training.clip_norm\n",
                 outcome.epochs.size());
  }
  TRY(write(trainer, outcome, settings, flags.out));
  const Json line = {{"best_epoch", outcome.best_epoch},
                     {"epochs", outcome.epochs.size()},
                     {"held_out", json_of(outcome.held_out, outcome.outputs)}};
  std::printf("%s\n", line.dump().c_str());
  return {};
}

}  // namespace

std::function<Status()> declare_fit(CommandFlags& command, const TrainSettings& settings) {
  auto flags = std::make_shared<Flags>();
  command.add("examples", flags->examples, "Examples to learn from: one directory or several")
      .required();
  command.add("--held-out", flags->held_out, "Examples that training stops and calibrates by")
      .required();
  command.add("--out", flags->out, "Where the network is written").required();
  command.add("--mixed-precision", flags->mixed,
              "Products of layers in bf16, sums and weights in fp32: faster where processors have "
              "bf16, slower where not");
  command.add("--from", flags->from,
              "A written network of the same settings, whose ids have the same rows, to go on "
              "from");
  return [flags, &settings] { return fit(*flags, settings); };
}

}  // namespace palate
