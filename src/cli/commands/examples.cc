#include <nlohmann/json.hpp>

#include "base/threads.h"
#include "cli/command.h"
#include "cli/print.h"
#include "operate/ranker_training.h"

namespace palate {
namespace {

struct Flags {
  std::string out;
  uint64_t seed = 1;
  bool ids = false;
};

Status make_examples(Context& context, const Flags& flags) {
  auto data = TRY(context.open_data(OpenMode::kReader));
  ThreadPool pool(1);
  const TrainingRoom room{*data, context.settings.types, context.settings.models,
                          pool,  process_stop_token(),   flags.seed};
  TRY(make_directories(flags.out));
  if (!std::filesystem::is_empty(flags.out)) {
    return fail(Code::kAlreadyExists, "{} is not empty", flags.out);
  }
  const RankerSettings& settings = context.settings.ranker;
  const RankingExamples made =
      TRY(examples_of_log(room, {.config = settings.examples, .choices = flags.ids}, flags.out));
  TRY(write_file_atomically(Path(flags.out) / "fields.json", to_json(made.fields)));
  if (context.json) {
    nlohmann::ordered_json positives = nlohmann::ordered_json::object();
    for (size_t o = 0; o < made.objectives.size(); ++o) {
      positives[made.objectives[o]] = made.positives[o];
    }
    nlohmann::ordered_json training = nlohmann::ordered_json::array();
    for (const Path& path : made.training) training.push_back(path.string());
    print_json(
        {{"impressions", made.impressions},
         {"slates", made.slates},
         {"training", training},
         {"training_rows", made.training_rows},
         {"held_out", made.held_out.string()},
         {"held_out_rows", made.held_out_rows},
         {"unfinished", made.unfinished},
         {"between", made.between},
         {"dropped_negatives", made.dropped},
         {"unknown_items", made.unknown_items},
         {"outcomes_without_impression", made.unanswering},
         {"positives", positives},
         {"ids", json_of(made.choices, settings.network.width, settings.network.narrow_width)}});
    return {};
  }
  print_line(describe(made));
  if (flags.ids) {
    print_line(describe(made.choices, settings.network.width, settings.network.narrow_width));
  }
  print_line(fmt::format("palate-train fit {}/training-* --held-out {} --out NETWORK", flags.out,
                         made.held_out.string()));
  return {};
}

}  // namespace

Command examples_command() {
  return {"examples",
          "Make labelled examples out of what was shown and what followed, for palate-train",
          "Examples:\n  palate examples --out examples\n"
          "  palate examples --out examples --examples.objectives click:1h "
          "--examples.objectives watch:1d:30",
          [](CommandFlags& command) {
            auto flags = std::make_shared<Flags>();
            command.add("--out", flags->out, "A new or empty directory").required();
            command.add("--seed", flags->seed, "Of negatives that are drawn").show_default();
            command.add("--ids", flags->ids,
                        "Also say what each way to give ids rows would cost and mix up");
            return std::function<Status(Context&)>(
                [flags](Context& context) { return make_examples(context, *flags); });
          }};
}

}  // namespace palate
