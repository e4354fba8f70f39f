#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/command.h"
#include "cli/print.h"
#include "features/trust_train.h"

namespace palate {
namespace {

struct TrustFlags {
  std::string flagged, out;
  TrustTraining training;
};

Status train(const Context& context, const TrustFlags& flags) {
  const auto flagged = parse_flagged(TRY(read_file(flags.flagged)));
  if (!flagged) return std::unexpected(flagged.error().within(flags.flagged));
  auto data = TRY(context.open_data(OpenMode::kReader));
  const auto samples =
      TRY(trust_samples(data->log(), context.settings.types, *flagged, process_stop_token()));
  const TrustModel model = TRY(train_trust(samples, flags.training));
  TRY(write_file_atomically(flags.out, model.text()));
  const auto ill = std::ranges::count_if(samples, &TrustSample::ill);
  if (context.json) {
    print_json({{"moments", samples.size()}, {"flagged", ill}, {"model", flags.out}});
  } else {
    print_line(
        fmt::format("{}: from {} moments of accounts, {} of flagged ones. Use it: "
                    "[features] trust_model = \"{}\"",
                    flags.out, human_count(samples.size()), human_count(static_cast<uint64_t>(ill)),
                    flags.out));
  }
  return {};
}

}  // namespace

Command trust_command() {
  return {"trust", "Train a model of who means ill from the log and a list of flagged accounts",
          "Examples:\n  palate trust --flagged accounts.csv --out trust.txt\n"
          "A line an account: its id, and after a comma since when (2026-01-31T00:00:00Z).",
          [](CommandFlags& command) {
            auto flags = std::make_shared<TrustFlags>();
            command.add("--flagged", flags->flagged, "The accounts that mean ill").required();
            command.add("--out", flags->out, "The file of the model").required();
            command
                .add("--honest-doubted", flags->training.honest_doubted_max,
                     "The share of honest moments that may be doubted")
                .between(0.0, 0.5);
            return std::function<Status(Context&)>(
                [flags](Context& context) { return train(context, *flags); });
          }};
}

}  // namespace palate
