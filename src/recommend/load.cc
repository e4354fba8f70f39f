#include "recommend/load.h"

#include "features/spec.h"
#include "ids/dictionary_hash.h"
#include "models/catalog.h"
#include "recommend/filters.h"

namespace palate {
namespace {

constexpr std::string_view kTrainAgain = "train again with `palate train`";

// Of the catalogue's first `items` items, as the dataset made it of its own.
std::string dictionary_of(const LiveState& state, size_t items) {
  const Catalogue::View view = state.catalogue().view();
  DictionaryHash hash;
  for (uint32_t item = 0; item < items; ++item) hash.add(state.hash().item(view.name({item})));
  return hash.hex();
}

Status check_dictionary(const Manifest& manifest, const LiveState& state) {
  const size_t items = state.catalogue().view().size();
  if (manifest.items > items) {
    return fail(Code::kConflict, "it knows {} items, the catalogue has {}; {}", manifest.items,
                items, kTrainAgain);
  }
  if (manifest.dictionary != dictionary_of(state, manifest.items)) {
    return fail(Code::kConflict,
                "its dictionary of items is not the one of this data directory (another directory, "
                "or another id.key); {}",
                kTrainAgain);
  }
  return {};
}

Status check_fit(const Manifest& manifest, const LiveState& state, uint64_t event_types) {
  const std::string types = fmt::format("{:016x}", event_types);
  if (manifest.event_types != types) {
    return fail(Code::kConflict,
                "it was trained with other event types ([events.types] in the config: {}, now {}); "
                "{}",
                manifest.event_types, types, kTrainAgain);
  }
  const std::string features = fmt::format("{:016x}", feature_spec_hash());
  if (manifest.feature_spec != features) {
    return fail(Code::kConflict, "it was trained with other features ({}, now {}); {}",
                manifest.feature_spec, features, kTrainAgain);
  }
  return check_dictionary(manifest, state);
}

// What top_k() can return at all, found out by asking: who likes one item that the model knows gets
// everything else that it knows.
ItemBitmap known_items(const Model& model) {
  const size_t items = model.info().items;
  ItemBitmap known((items + 63) / 64, 0);
  HistoryEntry liked;
  liked.preference = 1;
  TopKRequest everything;
  everything.k = items;
  everything.query.history = {&liked, 1};
  for (uint32_t item = 0; item < items; ++item) {
    liked.item = {item};
    if (model.can_answer(everything.query)) break;
  }
  Scratch scratch;
  const auto answers = model.top_k({&everything, 1}, scratch);
  for (const Scored& scored : answers[0]) block(known, scored.item);
  return known;
}

void assign_roles(LoadedRelease& loaded) {
  for (const LoadedModel& model : loaded.models) {
    const ModelInfo& info = model.model->info();
    if (info.personalized && loaded.personal == nullptr) loaded.personal = &model;
    if (!info.personalized && loaded.popular == nullptr) loaded.popular = &model;
    if (info.can_similar && loaded.similar == nullptr) loaded.similar = &model;
  }
}

}  // namespace

Result<std::unique_ptr<const LoadedRelease>> load_release(const Registry& registry,
                                                          const Release& release,
                                                          const LiveState& state,
                                                          uint64_t event_types_fingerprint) {
  auto loaded = std::make_unique<LoadedRelease>();
  loaded->release = release;
  loaded->state = &state;
  for (const auto& [kind, version] : release.artefacts) {
    auto artefact = TRY(registry.open(kind, version));
    if (auto fits = check_fit(artefact->manifest(), state, event_types_fingerprint); !fits) {
      return std::unexpected(fits.error().within(
          fmt::format("release {}: model {} {}", release.number, kind, version)));
    }
    LoadedModel model;
    model.model = TRY(load_model(std::move(artefact)));
    model.known = known_items(*model.model);
    loaded->models.push_back(std::move(model));
  }
  assign_roles(*loaded);
  return loaded;
}

}  // namespace palate
