#include "models/catalog.h"

#include <array>

namespace palate {
namespace {

constexpr std::array kModels{
    ModelEntry{"popularity", "The items with the most positive events, recent ones counting more.",
               load_popularity},
    ModelEntry{"als", "Implicit matrix factorization; a user's vector follows every event.",
               load_als},
    ModelEntry{"item_knn", "The items most like those of the history, by the users in common.",
               load_item_knn},
    ModelEntry{"ease", "Weights between items by ridge regression; accurate and quick to train.",
               load_ease},
    ModelEntry{"graph", "A spectral filter over the graph of users and items.", load_graph},
    ModelEntry{"blend", "A weighted sum of other models, the weights chosen on held-out data.",
               load_blend},
    ModelEntry{"content", "Items by what is written about them; knows items that nobody has had.",
               load_content},
    ModelEntry{"demographic", "What users with a similar profile liked, for those without a past.",
               load_demographic},
    ModelEntry{"trending", "What is had more lately than it used to be.", load_trending},
    ModelEntry{"user_knn", "What those liked who are most like the one who asks.", load_user_knn},
    ModelEntry{"mf", "Matrix factorization of ratings: predicts them, for data that has some.",
               load_mf},
    ModelEntry{"two_tower",
               "A network for users and one for items; new items by what is said of them.",
               load_two_tower},
};

}  // namespace

void ModelConfigs::add_to(ConfigSchema& schema) {
  schema.add("popularity", popularity);
  schema.add("als", als);
  schema.add("item_knn", item_knn);
  schema.add("ease", ease);
  schema.add("graph", graph);
  schema.add("blend", blend);
  schema.add("content", content);
  schema.add("demographic", demographic);
  schema.add("trending", trending);
  schema.add("user_knn", user_knn);
  schema.add("mf", mf);
  schema.add("two_tower", two_tower);
}

std::span<const ModelEntry> model_catalogue() { return kModels; }

Result<std::unique_ptr<Model>> load_model(std::shared_ptr<const Artefact> artefact) {
  const std::string& kind = artefact->manifest().kind;
  for (const ModelEntry& entry : kModels) {
    if (entry.kind == kind) return entry.load(std::move(artefact));
  }
  return fail(Code::kUnsupportedVersion,
              "{} is of kind '{}', which this palate does not know; use a newer palate",
              artefact->path().string(), kind);
}

}  // namespace palate
