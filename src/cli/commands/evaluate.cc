#include <algorithm>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/threads.h"
#include "cli/command.h"
#include "cli/print.h"
#include "operate/backtest.h"

namespace palate {
namespace {

struct Flags {
  BacktestOptions options;
  std::string split = "auto";
  uint64_t seed = 1;
  size_t threads = 0;
};

Result<std::optional<SplitKind>> split_kind(const std::string& name) {
  if (name == "auto") return std::nullopt;
  if (name == "time") return SplitKind::kTimeCut;
  if (name == "leave-last-out") return SplitKind::kLeaveLastOut;
  if (name == "hold-out") return SplitKind::kHoldOut;
  return fail(Code::kInvalidArgument,
              "--split is one of auto, time, leave-last-out, hold-out, not '{}'", name);
}

// One row a metric and k, one column a model: "0.1234 ±0.0021".
void print_comparison(const Comparison& comparison) {
  const Report& first = comparison.reports.front();
  const bool has_unpersonalized = std::ranges::find(comparison.reports, "popularity",
                                                    &Report::kind) != comparison.reports.end();
  print_line(first.split);
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
      const Interval& value = report.metrics[m].value;
      rows.back().push_back(
          fmt::format("{:.4f} ({:.4f} to {:.4f})", value.mean, value.low, value.high));
    }
  }
  print_table(heads, rows);
  for (const Report& report : comparison.reports) {
    if (report.users_fallback == 0 || report.kind == "popularity") continue;
    print_line(
        fmt::format("{}: {} of the users have no history that it knows; they got {}", report.kind,
                    human_count(report.users_fallback),
                    has_unpersonalized ? "what is popular, as from the server" : "an empty list"));
  }
}

Status evaluate(Context& context, Flags& flags) {
  flags.options.split = TRY(split_kind(flags.split));
  flags.options.evaluate.seed = flags.seed;
  auto data = TRY(context.open_data(OpenMode::kReader));
  ThreadPool pool(flags.threads);
  const TrainingRoom room{*data, context.settings.types, context.settings.models,
                          pool,  process_stop_token(),   flags.seed};
  const BacktestOutcome outcome = TRY(backtest(room, flags.options));
  if (context.json) {
    auto document = nlohmann::ordered_json::parse(to_json(outcome.comparison));
    document["directory"] = outcome.directory.string();
    print_json(document);
    return {};
  }
  print_comparison(outcome.comparison);
  print_line(fmt::format("In brackets: 95 % bootstrap intervals over users.{} Report: {}",
                         outcome.comparison.differences.empty()
                             ? ""
                             : " Paired differences, which say more, are in the report.",
                         (outcome.directory / "report.md").string()));
  return {};
}

}  // namespace

Command evaluate_command() {
  return {"evaluate", "Measure models on what their training did not see",
          "Examples:\n  palate evaluate\n  palate evaluate --k 10 20 --models popularity,als "
          "--als.factors 128\n"
          "  palate evaluate --split leave-last-out --json",
          [](CLI::App& app) {
            auto flags = std::make_shared<Flags>();
            app.add_option("--models", flags->options.kinds,
                           "Of popularity and als; the others are compared with the first")
                ->delimiter(',')
                ->capture_default_str();
            app.add_option("--k", flags->options.evaluate.ks,
                           "Lengths of the list that is measured, each 1 to 1000")
                ->delimiter(',')
                ->check(CLI::Range(1, 1000))
                ->type_name("UINT")
                ->capture_default_str();
            app.add_option(
                   "--split", flags->split,
                   "What is test: auto (what the data's times allow), time (the newest rows), "
                   "leave-last-out or hold-out (a random share)")
                ->capture_default_str();
            app.add_option("--test-share", flags->options.test_share,
                           "Share of all rows that is test, above 0 and below 1")
                ->capture_default_str();
            app.add_option("--bootstrap", flags->options.evaluate.bootstrap_samples,
                           "Resamples that the intervals come from, 100 to 1000000")
                ->check(CLI::Range(100, 1'000'000))
                ->type_name("UINT")
                ->capture_default_str();
            app.add_option("--seed", flags->seed,
                           "Of splits, training and resampling; one seed gives one result")
                ->capture_default_str();
            app.add_option("--threads", flags->threads,
                           "Threads; 0: one a processor. The result does not depend on it");
            return std::function<Status(Context&)>(
                [flags](Context& context) { return evaluate(context, *flags); });
          }};
}

}  // namespace palate
