#include "models/blend/train.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "models/blend/train_parts.h"
#include "models/catalog.h"
#include "models/train_item_weights.h"

namespace palate {
namespace {

// How much each part's scores are multiplied by, and what was seen on the way.
struct Chosen {
  BlendChoice choice;
  std::vector<double> scale;
  nlohmann::json metrics = nlohmann::json::object();
};

bool all_ratings(std::span<const std::unique_ptr<Model>> models) {
  return std::ranges::all_of(
      models, [](const auto& model) { return model->info().scores == ScoreMeaning::kRating; });
}

// By ndcg of lists.
Result<Chosen> choose_by_lists(const TrainJob& job, std::span<const PartSpec> specs,
                               const Slices& slices, const TrainedParts& trained) {
  const BlendConfig& config = job.configs->blend;
  Looked looked = TRY(look_at(slices, trained.models, job));
  std::vector<PartRole> roles;
  for (const auto& model : trained.models) roles.push_back(role_of(model->info()));
  const auto at = static_cast<size_t>(config.cut);
  Chosen chosen{choose_blend(looked.users, roles, config, TRY(given_weights(config))),
                std::move(looked.scale),
                {}};
  const bool ours = config.weights.empty() && config.user_events != 0;
  for (size_t part = 0; ours && part < specs.size(); ++part) {
    const ModelInfo& info = trained.models[part]->info();
    if (info.cold_users && info.personalized) keep_for_cold_users(part, chosen.choice);
  }
  nlohmann::json alone = nlohmann::json::object();
  for (size_t part = 0; part < specs.size(); ++part) {
    std::vector<double> single(specs.size(), 0.0);
    single[part] = 1;
    alone[specs[part].said] = blend_quality(looked.users, single, at);
  }
  const auto counted = handed_over(looked.users, roles, chosen.choice.handover);
  chosen.metrics = {{"validation_users", looked.users.size()},
                    {"validation_ndcg", blend_quality(counted, chosen.choice.weights, at)},
                    {"validation_ndcg_alone", alone}};
  return chosen;
}

// By RMSE of held-out ratings. A prediction is a mean of the parts', so the weights add up to 1.
Result<Chosen> choose_by_ratings(const TrainJob& job, std::span<const PartSpec> specs,
                                 const Slices& slices, const TrainedParts& trained) {
  const BlendRatings ratings = TRY(predict_held_out(slices, trained.models, job));
  Chosen chosen{
      {TRY(given_weights(job.configs->blend)), {}}, std::vector<double>(specs.size(), 1.0), {}};
  auto& weights = chosen.choice.weights;
  if (weights.empty()) weights = choose_rating_weights(ratings, specs.size());
  double sum = 0;
  for (const double weight : weights) sum += weight;
  for (double& weight : weights) weight /= sum;
  nlohmann::json alone = nlohmann::json::object();
  for (size_t part = 0; part < specs.size(); ++part) {
    std::vector<double> single(specs.size(), 0.0);
    single[part] = 1;
    alone[specs[part].said] = blend_rmse(ratings, single);
  }
  chosen.metrics = {{"validation_ratings", ratings.rated.size()},
                    {"validation_rmse", blend_rmse(ratings, weights)},
                    {"validation_rmse_alone", alone}};
  return chosen;
}

Result<Chosen> choose(const TrainJob& job, std::span<const PartSpec> specs, ArtefactWriter& out) {
  const Slices slices = cut_slices(*job.data, job.configs->blend.validation_share, job.seed);
  TrainJob on_slice = job;
  on_slice.data = &slices.fit;
  TrainedParts trained = TRY(train_parts(on_slice, specs, "slice-", out));
  auto chosen = all_ratings(trained.models) ? choose_by_ratings(job, specs, slices, trained)
                                            : choose_by_lists(job, specs, slices, trained);
  trained = {};
  for (const PartSpec& spec : specs) {
    std::error_code ignored;
    std::filesystem::remove_all(out.path_of("slice-" + spec.folder), ignored);
  }
  return chosen;
}

}  // namespace

Status train_blend(const TrainJob& job, ArtefactWriter& out) {
  const auto specs = TRY(part_specs(*job.configs));
  TRY(given_weights(job.configs->blend));
  const SparseMatrix matrix = preference_matrix(*job.data);
  if (matrix.index.empty()) {
    return fail(Code::kInvalidArgument, "blend needs at least one positive interaction");
  }
  const Chosen chosen = TRY(choose(job, specs, out));
  const TrainedParts trained = TRY(train_parts(job, specs, "", out));
  nlohmann::json parts = nlohmann::json::array();
  for (size_t part = 0; part < specs.size(); ++part) {
    parts.push_back({{"kind", specs[part].kind},
                     {"said", specs[part].said},
                     {"folder", specs[part].folder},
                     {"weight", chosen.choice.weights[part]},
                     {"factor", chosen.choice.weights[part] * chosen.scale[part]},
                     {"checksums", trained.artefacts[part]->manifest().checksums}});
  }
  add_item_counts(matrix, out);
  auto metrics = nlohmann::json::parse(out.manifest.metrics_json);
  metrics.update(chosen.metrics);
  out.manifest.metrics_json = metrics.dump();
  out.manifest.details_json = nlohmann::json{{"parts", parts},
                                             {"user_events", chosen.choice.handover.user_events},
                                             {"item_events", chosen.choice.handover.item_events}}
                                  .dump();
  return {};
}

bool blend_holds_histories(const ModelConfigs& configs) {
  const auto specs = part_specs(configs);
  return specs && std::ranges::any_of(*specs, [](const PartSpec& spec) {
           return holds_histories(spec.kind, spec.configs);
         });
}

uint64_t blend_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs) {
  // One part after the other; those that are done are mapped while the weights are chosen.
  constexpr uint64_t kCandidates = 100;
  uint64_t most = 0;
  const auto specs = part_specs(configs);
  if (!specs) return 0;  // training says what is wrong
  for (const PartSpec& spec : *specs) {
    for (const TrainerEntry& entry : trainer_catalogue()) {
      if (entry.kind == spec.kind) most = std::max(most, entry.memory_bytes(sizes, spec.configs));
    }
  }
  const auto users = std::min<uint64_t>(
      sizes.users, static_cast<uint64_t>(std::max(1, configs.blend.validation_users)));
  const uint64_t parts = specs->size();
  return most + users * parts * kCandidates * (parts + 3) * sizeof(float);
}

}  // namespace palate
