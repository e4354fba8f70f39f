#include "operate/tune.h"

#include <algorithm>
#include <cmath>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/processes.h"
#include "base/threads.h"
#include "cli/command.h"
#include "cli/print.h"
#include "cli/split_flags.h"
#include "models/train_catalog.h"

namespace palate {
namespace {

struct Flags {
  TuneOptions options;
  SplitFlags split;
  std::string model = "als", metric = "ndcg@20", study;
  std::vector<std::string> ranges;
  double validation_share = 0.1;
  bool show_space = false;
};

bool is_error(const std::string& metric) {
  return metric == "rmse" || metric == "mae" || metric == "log_loss" ||
         metric == "calibration_error";
}

// "ndcg" and 20 of "ndcg@20"; 0 where there is no "@".
std::pair<std::string, size_t> parts_of(const std::string& metric) {
  const size_t at = metric.find('@');
  if (at == std::string::npos) return {metric, 0};
  return {metric.substr(0, at), static_cast<size_t>(std::atol(metric.c_str() + at + 1))};
}

// The field that says how much effort a trial takes; nullptr where the model has none.
const Field* effort_field(const Context& context, const std::string& model) {
  for (const Field& field : context.settings.schema.fields()) {
    if (field.section == model && field.key == "iterations") return &field;
  }
  return nullptr;
}

// What `palate evaluate` is asked, as one trial.
std::vector<std::string> command_of(const Context& context, const Flags& flags,
                                    const TuneTrial& trial) {
  const size_t k = parts_of(flags.metric).second;
  const size_t threads =
      std::max<size_t>(1, available_processors() / std::max<size_t>(1, flags.options.parallel));
  std::vector<std::string> out{"/proc/self/exe", "evaluate", "--models",
                               flags.model,      "--json",   "--discard"};
  const auto add = [&](std::initializer_list<std::string> more) { out.insert(out.end(), more); };
  add({"--validation-share", fmt::to_string(flags.validation_share), "--bootstrap", "100"});
  add({"--seed", fmt::to_string(flags.options.seed), "--threads", fmt::to_string(threads)});
  add({"--k", fmt::to_string(k == 0 ? 20 : k)});
  const auto split = flags.split.arguments();
  out.insert(out.end(), split.begin(), split.end());
  if (!context.settings_file.empty()) add({"--config", context.settings_file});
  for (const auto& [name, value] : context.dotted_flags) add({"--" + name, value});
  for (const auto& [name, value] : trial.settings) add({"--" + name, value});
  const Field* effort = effort_field(context, flags.model);
  if (effort != nullptr && trial.effort < 1) {
    const auto all = static_cast<double>(std::get<int64_t>(effort->get()));
    const auto part = std::max<int64_t>(1, std::llround(all * trial.effort));
    add({"--" + effort->name(), fmt::to_string(part)});
  }
  return out;
}

void read_answer(const Flags& flags, const Program& program, TuneTrial& trial) {
  trial.value = std::nan("");
  const auto said = read_file(program.exit_code == 0 ? program.out : program.errors);
  if (program.exit_code != 0) {
    trial.failure = fmt::format("exit code {}: {}", program.exit_code, said ? *said : "");
    return;
  }
  const auto json = nlohmann::json::parse(said ? *said : "", nullptr, false);
  const auto [name, k] = parts_of(flags.metric);
  if (json.is_object() && json.contains("reports")) {
    for (const char* list : {"metrics", "ratings"}) {
      for (const auto& metric : json["reports"][0][list]) {
        if (metric["name"] == name && metric["k"] == k) trial.value = metric["mean"];
      }
    }
  }
  if (std::isnan(trial.value)) {
    trial.failure = fmt::format("{} has no {} on this data", flags.model, flags.metric);
  }
}

Status run_batch(const Context& context, const Flags& flags, std::span<TuneTrial> trials) {
  std::vector<Program> programs;
  for (const TuneTrial& trial : trials) {
    const std::string name = fmt::format("running-{:05}", trial.number);
    programs.push_back({command_of(context, flags, trial), flags.options.folder / (name + ".json"),
                        flags.options.folder / (name + ".txt"), -1});
  }
  TRY(run_programs(programs, process_stop_token()));
  for (size_t i = 0; i < trials.size(); ++i) {
    read_answer(flags, programs[i], trials[i]);
    TRY(remove_file(programs[i].out));
    TRY(remove_file(programs[i].errors));
    if (!context.json && !context.quiet) {
      print_line(fmt::format("trial {} at {:.0f} %: {}", trials[i].number, 100 * trials[i].effort,
                             trials[i].failure.empty()
                                 ? fmt::format("{} {:.5f}", flags.metric, trials[i].value)
                                 : trials[i].failure));
    }
  }
  return {};
}

std::string subject_of(const Context& context, const Flags& flags,
                       const std::vector<TuneRange>& space) {
  std::string text = fmt::format("{} by {}, {} trials, {} rungs of {}, seed {}, validation {}, {}",
                                 flags.model, flags.metric, flags.options.trials,
                                 flags.options.rungs, flags.options.halving, flags.options.seed,
                                 flags.validation_share, fmt::join(flags.split.arguments(), " "));
  for (const TuneRange& range : space) {
    text += range.choices.empty()
                ? fmt::format("; {} {} to {}", range.name, range.low, range.high)
                : fmt::format("; {} {}", range.name, fmt::join(range.choices, ","));
  }
  for (const auto& [name, value] : context.dotted_flags) {
    if (!name.starts_with("data.")) text += fmt::format("; --{} {}", name, value);
  }
  return text;
}

void print_space(const Context& context, const Flags& flags, const std::vector<TuneRange>& space) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const TuneRange& range : space) {
    json.push_back({{"name", range.name},
                    {"low", range.low},
                    {"high", range.high},
                    {"log", range.log},
                    {"whole", range.whole},
                    {"choices", range.choices}});
  }
  nlohmann::ordered_json effort;  // null: trials cannot be shorter
  if (const Field* field = effort_field(context, flags.model)) {
    effort = {{"name", field->name()}, {"full", std::get<int64_t>(field->get())}};
  }
  print_json({{"format", "palate-space"}, {"version", 1}, {"effort", effort}, {"space", json}});
}

Status run_study(Context& context, Flags& flags) {
  bool known = false;
  for (const TrainerEntry& entry : trainer_catalogue()) known |= entry.kind == flags.model;
  if (!known) return fail(Code::kNotFound, "there is no model '{}'", flags.model);
  const auto space = TRY(tune_space(context.settings.schema.fields(), flags.model, flags.ranges));
  if (flags.show_space) {
    print_space(context, flags, space);
    return {};
  }
  if (effort_field(context, flags.model) == nullptr) flags.options.rungs = 1;
  flags.options.smaller_is_better = is_error(flags.metric);
  const auto data = TRY(context.open_data(OpenMode::kReader));  // a wrong one fails once, here
  if (flags.study.empty()) flags.study = fmt::format("{}-{}", flags.model, flags.metric);
  if (flags.study.find('/') != std::string::npos || flags.study.starts_with('.')) {
    return fail(Code::kInvalidArgument, "--study '{}' is no name of a folder", flags.study);
  }
  flags.options.folder = data->root() / "studies" / flags.study;
  flags.options.subject = subject_of(context, flags, space);
  const TuneOutcome outcome = TRY(tune(space, flags.options, [&](std::span<TuneTrial> trials) {
    return run_batch(context, flags, trials);
  }));
  const std::string toml = to_toml(outcome.trials[0].settings, space);
  TRY(write_file_atomically(flags.options.folder / "study.json", to_json(outcome)));
  TRY(write_file_atomically(flags.options.folder / "study.md", to_markdown(outcome)));
  TRY(write_file_atomically(flags.options.folder / "best.toml", toml));
  if (context.json) {
    auto document = nlohmann::ordered_json::parse(to_json(outcome));
    document["directory"] = flags.options.folder.string();
    print_json(document);
    return {};
  }
  print_line(fmt::format("{} trials run, {} known from before. Best: trial {}, {} {:.5f}",
                         outcome.run, outcome.known, outcome.trials[0].number, flags.metric,
                         outcome.trials[0].value));
  print_line(toml + "Study: " + (flags.options.folder / "study.md").string());
  return {};
}

void declare_search(CommandFlags& command, Flags& flags) {
  command.add("--model", flags.model, "What is tuned").show_default();
  command
      .add("--metric", flags.metric,
           "What the best is best at: ndcg@20 and the like; rmse, mae, gauc … for ratings")
      .show_default();
  command.add("--range", flags.ranges,
              "<setting>=<low>:<high> or =<choice>,<choice>: narrows what is searched, or adds "
              "a setting; may be given again");
  command.add("--trials", flags.options.trials, "How many settings are tried")
      .between(1, 100'000)
      .show_default();
  command
      .add("--rungs", flags.options.rungs,
           "Successive halving: how often the worse ones are left behind; before the last "
           "rung trials run fewer iterations. 1: all run in full")
      .between(1, 10)
      .show_default();
  command
      .add("--halving", flags.options.halving,
           "One in so many goes on, with so many times the iterations")
      .between(2, 10)
      .show_default();
  command.add("--parallel", flags.options.parallel, "Trials that run at once, as processes")
      .between(1, 1024)
      .show_default();
}

}  // namespace

Command tune_command() {
  return {"tune", "Search settings of a model, measured on a slice cut from the training part",
          "Examples:\n  palate tune --model als --range als.factors=16:128 --range "
          "als.alpha=1:100\n"
          "  palate tune --model mf --metric rmse --trials 30 --rungs 3 --parallel 2\n"
          "  palate tune --model mf --metric rmse --test u1.test --test-overlap hold-out\n"
          "A study that was stopped goes on when the same command is given again. The ranges as "
          "JSON: --space.\nThe test part is never looked at. docs/evaluation.md",
          [](CommandFlags& command) {
            auto flags = std::make_shared<Flags>();
            declare_search(command, *flags);
            command.add("--study", flags->study,
                        "Its name, below <data>/<tenant>/studies (default: model and metric)");
            command
                .add("--validation-share", flags->validation_share,
                     "Share of the training part that trials are measured on")
                .between(0.001, 0.9)
                .show_default();
            command.add("--seed", flags->options.seed, "Of the search, splits and training")
                .show_default();
            command.add("--space", flags->show_space, "Only print what would be searched");
            flags->split.declare(command);
            return std::function<Status(Context&)>(
                [flags](Context& context) { return run_study(context, *flags); });
          }};
}

}  // namespace palate
