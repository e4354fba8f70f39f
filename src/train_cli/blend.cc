// Several models as one: logistic regression over their log-odds, so each counts by what it adds to
// the others.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "math/logistic.h"
#include "train_cli/command.h"
#include "train_cli/scores.h"

namespace palate {
namespace {

using Json = nlohmann::json;

struct Flags {
  std::vector<std::string> models;
  std::string held_out, judge, label;
};

// All models on some examples.
struct Look {
  std::vector<double> columns;  // [rows, models]: log-odds, or what only orders as it is
  std::vector<LabelScores> scores;
  std::vector<KnownRows> known;
};

// The scores of the label that is meant.
Result<LabelScores> pick(std::vector<LabelScores> scores, const Flags& flags, size_t model) {
  if (flags.label.empty() && scores.size() == 1) return std::move(scores[0]);
  for (LabelScores& one : scores) {
    if (one.label == flags.label) return std::move(one);
  }
  return fail(Code::kInvalidArgument, "{} foresees {} labels, and '{}' is none of them (--label)",
              flags.models[model], scores.size(), flags.label);
}

Result<Look> look_at(const Flags& flags, const std::string& path) {
  const Examples examples = TRY(Examples::open(path));
  Look look;
  for (size_t model = 0; model < flags.models.size(); ++model) {
    auto all = TRY(score_examples(flags.models[model], examples));
    look.scores.push_back(TRY(pick(std::move(all), flags, model)));
    look.scores.back().group.clear();
    look.known.push_back(TRY(known_rows(look.scores.back(), examples)));
    if (look.scores.back().label != look.scores[0].label || look.known[0].scores.empty()) {
      return fail(Code::kInvalidArgument, "{}: the models and the examples have no label in common",
                  path);
    }
  }
  for (size_t row = 0; row < look.known[0].scores.size(); ++row) {
    for (size_t model = 0; model < flags.models.size(); ++model) {
      const double score = look.known[model].scores[row];
      look.columns.push_back(look.scores[model].probability ? log_odds(score) : score);
    }
  }
  return look;
}

Status blend(const Flags& flags) {
  const size_t models = flags.models.size();
  const Look held_out = TRY(look_at(flags, flags.held_out));
  const KnownRows& known = held_out.known[0];
  // Of what only orders, labels are grades: then what counts is whether it happened.
  const bool probable = std::ranges::all_of(held_out.scores, &LabelScores::probability);
  const std::vector<float> happened(known.happened.begin(), known.happened.end());
  const Logistic fit =
      fit_logistic(held_out.columns, {probable ? known.labels : happened, known.weights}, models);
  const Look judged = TRY(look_at(flags, flags.judge));
  Json line = {{"weights", fit.weights}, {"shift", fit.shift}, {"models", Json::array()}};
  for (size_t model = 0; model < models; ++model) {
    line["models"].push_back(quality_of(judged.scores[model], judged.known[model]));
  }
  KnownRows rows = judged.known[0];
  for (size_t row = 0; row < rows.scores.size(); ++row) {
    const auto columns = std::span(judged.columns).subspan(row * models, models);
    rows.scores[row] = 1 / (1 + std::exp(-fit.value(columns)));
  }
  line["blend"] = quality_of({.label = {}, .probability = true, .group = {}, .scores = {}}, rows);
  std::printf("%s\n", line.dump().c_str());
  return {};
}

}  // namespace

std::function<Status()> declare_blend(CommandFlags& command) {
  auto flags = std::make_shared<Flags>();
  command.add("models", flags->models, "Networks and trees that palate-train has written")
      .required();
  command.add("--held-out", flags->held_out, "Examples that the weights are fitted on").required();
  command.add("--judge", flags->judge, "Examples that each and the blend are judged on").required();
  command.add("--label", flags->label, "Which label, where models foresee several");
  return [flags] { return blend(*flags); };
}

}  // namespace palate
