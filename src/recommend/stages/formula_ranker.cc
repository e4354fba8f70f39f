#include <cmath>

#include "recommend/formula.h"
#include "recommend/objectives.h"
#include "recommend/stages/stages.h"

namespace palate::stages {
namespace {

struct FormulaRanker {
  std::string score = "retrieval";
  Formula parsed;
  static void fields(FieldVisitor<FormulaRanker>& field) {
    field("score", &FormulaRanker::score, {}, "How a score is made; what it reads is told below.");
  }
  Status prepare() {
    parsed = TRY(Formula::parse(score));
    for (const std::string& name : parsed.names()) TRY(check_objective(name));
    return {};
  }
};

Status rank(const FormulaRanker& config, PipelineRun& run) {
  const auto columns = TRY(objectives(config.parsed.names(), run));
  std::vector<float> scores(run.pool.items.size());
  config.parsed.evaluate(columns, scores);
  size_t odd = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    const bool finite = std::isfinite(scores[i]);
    run.pool.items[i].score = finite ? scores[i] : std::numeric_limits<float>::lowest();
    scores[i] = run.pool.items[i].score;
    odd += finite ? 0 : 1;
  }
  observe_first(config.parsed.names(), scores, run);
  if (odd > 0) run.note = fmt::format("{} scores are not finite and come last", odd);
  run.pool.sort();
  return {};
}

}  // namespace

StageKind formula_ranker() {
  return stage_kind<FormulaRanker, rank>("formula", StagePart::kRanker,
                                         "Orders candidates by a formula of several objectives.");
}

}  // namespace palate::stages
