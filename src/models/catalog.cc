#include "models/catalog.h"

#include <array>

namespace palate {
namespace {

constexpr std::array kModels{
    ModelEntry{"popularity", "The items with the most positive events, recent ones counting more.",
               load_popularity},
    ModelEntry{"als", "Implicit matrix factorization; a user's vector follows every event.",
               load_als},
};

}  // namespace

void ModelConfigs::add_to(ConfigSchema& schema) {
  schema.add("popularity", popularity);
  schema.add("als", als);
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
