#include "operate/training.h"

#include <nlohmann/json.hpp>

#include "base/threads.h"
#include "cli/command.h"
#include "cli/print.h"

namespace palate {
namespace {

struct Flags {
  std::vector<std::string> models = {"popularity", "als"};
  uint64_t seed = 1;
  size_t threads = 0;
  std::string note;
  std::string from = "log";
};

void print_outcome(const TrainOutcome& outcome, bool json) {
  if (json) {
    nlohmann::ordered_json models = nlohmann::ordered_json::array();
    for (const TrainedVersion& model : outcome.models) {
      models.push_back({{"kind", model.kind},
                        {"version", model.version},
                        {"seconds", model.seconds},
                        {"metrics", nlohmann::ordered_json::parse(model.metrics_json)}});
    }
    print_json({{"release", outcome.release.number},
                {"users", outcome.users},
                {"items", outcome.items},
                {"interactions", outcome.interactions},
                {"dataset_seconds", outcome.dataset_seconds},
                {"models", models}});
    return;
  }
  if (outcome.users > 0) {
    print_line(fmt::format("dataset: {} users, {} items, {} interactions ({})",
                           human_count(outcome.users), human_count(outcome.items),
                           human_count(outcome.interactions),
                           human_seconds(outcome.dataset_seconds)));
  }
  for (const TrainedVersion& model : outcome.models) {
    print_line(fmt::format("trained {} {} in {}", model.kind, model.version,
                           human_seconds(model.seconds)));
  }
  print_line(fmt::format("release {} is live; a running server takes it up by itself",
                         outcome.release.number));
}

Status train(Context& context, const Flags& flags) {
  auto data = TRY(context.open_data(OpenMode::kReader));
  ThreadPool pool(flags.threads);
  const TrainingRoom room{
      *data,      context.settings.types, context.settings.models, pool, process_stop_token(),
      flags.seed, flags.from == "lake",   &context.settings.ranker};
  const TrainOutcome outcome = TRY(train_and_release(room, flags.models, flags.note));
  print_outcome(outcome, context.json);
  return {};
}

}  // namespace

Command train_command() {
  return {
      "train", "Train models on everything logged and release them; also beside a running server",
      "Examples:\n  palate train\n  palate train --models popularity,als --als.factors 128\n"
      "  palate train --note 'after the spring import'",
      [](CommandFlags& command) {
        auto flags = std::make_shared<Flags>();
        command
            .add(
                "--models", flags->models,
                "Which models, separated by commas: popularity or trending for those nobody knows, "
                "and of als, item_knn, ease, graph, content and blend what answers the others; "
                "demographic answers by profile, best as a part of a blend; ranker puts in order "
                "what "
                "others propose (needs palate-train)")
            .separated_by(',')
            .show_default();
        command.add("--seed", flags->seed, "Of random beginnings; one seed gives one result")
            .show_default();
        command.add("--threads", flags->threads,
                    "Threads; 0: one a processor. The result does not depend on it");
        command
            .add("--from", flags->from, "log, or lake: what `palate lake compact` has made of it")
            .one_of({"log", "lake"})
            .show_default();
        command.add("--note", flags->note, "Why; kept with the release (releases/<number>.json)");
        return std::function<Status(Context&)>(
            [flags](Context& context) { return train(context, *flags); });
      }};
}

}  // namespace palate
