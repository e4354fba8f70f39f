#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/threads.h"
#include "cli/command.h"
#include "cli/print.h"
#include "cli/replay_print.h"
#include "cli/split_flags.h"
#include "dataset/user_folds.h"
#include "models/train_catalog.h"
#include "operate/backtest.h"
#include "operate/replay_run.h"

namespace palate {
namespace {

struct Flags {
  BacktestOptions options;
  bool replay = false;
  ReplayOptions walk;
  int64_t step_hours = 24;
  SplitFlags split;
  bool discard = false;
  uint64_t seed = 1;
  size_t threads = 0;
};

std::string cell(const Interval& value) {
  if (value.low == value.high) return fmt::format("{:.4f}", value.mean);
  return fmt::format("{:.4f} ({:.4f} to {:.4f})", value.mean, value.low, value.high);
}

// One row a metric of rated rows that any model has.
void add_rating_rows(const Comparison& comparison, std::vector<std::vector<std::string>>& rows) {
  std::vector<std::string> names;
  for (const Report& report : comparison.reports) {
    for (const MetricValue& metric : report.ratings) {
      if (std::ranges::find(names, metric.name) == names.end()) names.push_back(metric.name);
    }
  }
  for (const std::string& name : names) {
    rows.push_back({name});
    for (const Report& report : comparison.reports) {
      const auto at = std::ranges::find(report.ratings, name, &MetricValue::name);
      rows.back().push_back(at == report.ratings.end() ? "" : cell(at->value));
    }
  }
}

// One row a metric and k, one column a model: "0.1234 ±0.0021".
void print_comparison(const Comparison& comparison) {
  const Report& first = comparison.reports.front();
  const bool has_unpersonalized = std::ranges::find(comparison.reports, "popularity",
                                                    &Report::kind) != comparison.reports.end();
  print_line(first.split);
  if (first.test_file) print_line(describe(*first.test_file));
  print_line(fmt::format(
      "{} users with something new that they like in their test rows ({} more without), {} items",
      human_count(first.users), human_count(first.users_left_out), human_count(first.items)));
  print_line("leak check " + first.leak_check);
  std::vector<std::string> heads{"metric"};
  for (const Report& report : comparison.reports) heads.push_back(report.kind);
  std::vector<std::vector<std::string>> rows;
  for (size_t m = 0; m < first.metrics.size(); ++m) {
    rows.push_back({fmt::format("{}@{}", first.metrics[m].name, first.metrics[m].k)});
    for (const Report& report : comparison.reports) {
      rows.back().push_back(cell(report.metrics[m].value));
    }
  }
  add_rating_rows(comparison, rows);
  print_table(heads, rows);
  for (const Report& report : comparison.reports) {
    if (report.users_fallback == 0 || report.kind == "popularity") continue;
    print_line(
        fmt::format("{}: {} of the users have no history that it knows; they got {}", report.kind,
                    human_count(report.users_fallback),
                    has_unpersonalized ? "what is popular, as from the server" : "an empty list"));
  }
}

// The first model of the first seed, and how far the others lie from it.
void print_seeds(const Comparison& comparison) {
  if (comparison.reports.front().seeds.empty()) return;
  std::vector<std::vector<std::string>> rows;
  for (const Report& report : comparison.reports) {
    for (const SeedSpread& spread : report.seeds) {
      if (spread.name != "ndcg" && spread.name != "recall" && spread.name != "rmse") continue;
      const auto [low, high] = std::ranges::minmax(spread.means);
      rows.push_back({report.kind,
                      spread.k == 0 ? spread.name : fmt::format("{}@{}", spread.name, spread.k),
                      fmt::format("{:.4f} ±{:.4f}", spread.mean(), spread.deviation()),
                      fmt::format("{:.4f} to {:.4f}", low, high)});
    }
  }
  print_table(
      {"model", fmt::format("over {} seeds", comparison.reports.front().seeds[0].means.size()),
       "mean, deviation", "range"},
      rows);
}

Status replay(Context& context, Flags& flags, const TrainingRoom& room) {
  ReplayRunOptions options{flags.options.kinds, flags.walk, !flags.discard};
  options.replay.step_s = flags.step_hours * 3600;
  options.replay.ks = flags.options.evaluate.ks;
  options.replay.bootstrap_samples = flags.options.evaluate.bootstrap_samples;
  options.replay.seed = flags.seed;
  options.replay.limits.events_max = static_cast<size_t>(context.settings.data.history_events_max);
  const ReplayOutcome outcome = TRY(run_replay(room, options));
  if (context.json) {
    auto document = nlohmann::ordered_json::parse(to_json(outcome.report));
    document["directory"] = outcome.directory.string();
    print_json(document);
    return {};
  }
  print_replay(outcome.report);
  if (!flags.discard) print_line("Report: " + (outcome.directory / "report.html").string());
  return {};
}

// The kinds that can be trained, for the help.
std::string known_kinds() {
  std::string list;
  for (const TrainerEntry& entry : trainer_catalogue()) {
    list += fmt::format("{}{}", list.empty() ? "" : ", ", entry.kind);
  }
  return list;
}

// Ways to measure beyond one split.
void declare_protocols(CommandFlags& command, Flags& flags) {
  command
      .add("--folds", flags.options.folds,
           "Above 1: users in so many groups, each asked of a model trained on the others")
      .between(2, static_cast<int>(kFoldsMax));
  command
      .add("--seeds", flags.options.seeds,
           "Train with so many seeds, and say how far they lie apart")
      .between(1, 100)
      .show_default();
  Flag walk = command.add("--replay", flags.replay,
                          "Walk the log's last days: train on what came before, answer each "
                          "user's next requests as of then, with online updates and without");
  for (const char* other :
       {"--split", "--test", "--test-share", "--validation-share", "--folds", "--seeds"}) {
    walk.excludes(command.flag(other));
  }
  const auto count = [&](const char* name, size_t& value, int max, const char* help) {
    command.add(name, value, help).between(1, max).needs(walk).show_default();
  };
  count("--replay-steps", flags.walk.steps, kReplayStepsMax, "How many steps are walked");
  count("--replay-train-every", flags.walk.train_every, kReplayStepsMax,
        "Steps from one training to the next");
  count("--replay-requests", flags.walk.requests_max, 1000,
        "Requests of one user in one step, the first ones");
  command.add("--replay-hours", flags.step_hours, "Length of a step")
      .between(1, 8784)
      .needs(walk)
      .show_default();
}

Status evaluate(Context& context, Flags& flags) {
  TRY(flags.split.apply(context.settings.import, flags.options));
  flags.options.evaluate.seed = flags.seed;
  flags.options.keep = !flags.discard;
  auto data = TRY(context.open_data(OpenMode::kReader));
  ThreadPool pool(flags.threads);
  const TrainingRoom room{*data, context.settings.types, context.settings.models,
                          pool,  process_stop_token(),   flags.seed};
  if (flags.replay) return replay(context, flags, room);
  const BacktestOutcome outcome = TRY(backtest(room, flags.options));
  if (context.json) {
    auto document = nlohmann::ordered_json::parse(to_json(outcome.comparison));
    document["directory"] = outcome.directory.string();
    print_json(document);
    return {};
  }
  print_comparison(outcome.comparison);
  print_seeds(outcome.comparison);
  std::string last = "In brackets: 95 % bootstrap intervals over users.";
  if (!outcome.comparison.differences.empty()) {
    last += " Paired differences, which say more, are in the report.";
  }
  if (!flags.discard) last += " Report: " + (outcome.directory / "report.md").string();
  print_line(last);
  return {};
}

}  // namespace

Command evaluate_command() {
  return {"evaluate", "Measure models on what their training did not see",
          "Examples:\n  palate evaluate\n  palate evaluate --k 10 20 --models popularity,als "
          "--als.factors 128\n"
          "  palate evaluate --split leave-last-out --json\n"
          "  palate evaluate --test u1.test.gz --test-overlap hold-out\n"
          "  palate evaluate --folds 5 --seeds 3\n"
          "  palate evaluate --replay --replay-steps 28 --replay-train-every 7",
          [](CommandFlags& command) {
            auto flags = std::make_shared<Flags>();
            command
                .add("--models", flags->options.kinds,
                     "Of " + known_kinds() + "; the others are compared with the first")
                .separated_by(',')
                .show_default();
            command
                .add("--k", flags->options.evaluate.ks,
                     "Lengths of the list that is measured, each 1 to 1000")
                .separated_by(',')
                .between(1, 1000)
                .show_default();
            flags->split.declare(command);
            command
                .add("--validation-share", flags->options.validation_share,
                     "Above 0: measure on this share of the training part instead, to "
                     "choose settings without a look at the test part")
                .between(0.0, 0.9);
            declare_protocols(command, *flags);
            command.add("--discard", flags->discard, "Keep neither models nor report");
            command
                .add("--bootstrap", flags->options.evaluate.bootstrap_samples,
                     "Resamples that the intervals come from, 100 to 1000000")
                .between(100, 1'000'000)
                .show_default();
            command
                .add("--seed", flags->seed,
                     "Of splits, training and resampling; one seed gives one result")
                .show_default();
            command.add("--threads", flags->threads,
                        "Threads; 0: one a processor. The result does not depend on it");
            return std::function<Status(Context&)>(
                [flags](Context& context) { return evaluate(context, *flags); });
          }};
}

}  // namespace palate
