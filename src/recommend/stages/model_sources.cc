// Sources that ask a model of the release: the personal one, the popular one, any by name.
#include <algorithm>

#include "recommend/stages/stages.h"

namespace palate::stages {
namespace {

struct ModelSource : SourceShare {
  ModelSource() : SourceShare{.quota = 300} {}
  std::string model;
  static void fields(FieldVisitor<ModelSource>& field) {
    share_fields(field, 10'000);
    field("model", &ModelSource::model, {},
          "The kind of a model of the release; empty: the release's own choice.");
  }
};

Result<const LoadedModel*> chosen(const ModelSource& config, const PipelineRun& run,
                                  const LoadedModel* otherwise) {
  if (config.model.empty()) return otherwise;
  return run.draft.loaded.model(config.model);
}

void propose_best(const ModelSource& config, const LoadedModel& loaded, PipelineRun& run) {
  const size_t k = std::min(static_cast<size_t>(config.quota), loaded.model->info().items);
  const TopKRequest request{run.draft.query, run.filter(), k, true};
  const auto lists = loaded.model->top_k({&request, 1}, run.draft.work.scratch);
  run.propose(lists.front(), config.weight);
}

Status personal(const ModelSource& config, PipelineRun& run) {
  if (!run.draft.slate.personalized) {
    run.note = fmt::format("the answer is not personal: {}", run.draft.slate.why);
    return {};
  }
  const LoadedModel* loaded = TRY(chosen(config, run, run.draft.loaded.personal));
  if (!loaded->model->can_answer(run.draft.query)) {
    run.note = "nothing in the history that the model knows";
    return {};
  }
  propose_best(config, *loaded, run);
  return {};
}

Status popular(const ModelSource& config, PipelineRun& run) {
  const LoadedModel* loaded = TRY(chosen(config, run, run.draft.loaded.popular));
  if (loaded == nullptr) {
    run.note = "the release has no popularity";
    return {};
  }
  propose_best(config, *loaded, run);
  return {};
}

}  // namespace

StageKind personal_source() {
  return stage_kind<ModelSource, personal>("personal", StagePart::kSource,
                                           "The best of a personal model.");
}

StageKind popular_source() {
  return stage_kind<ModelSource, popular>("popular", StagePart::kSource,
                                          "The best of a model that knows no users.");
}

}  // namespace palate::stages
