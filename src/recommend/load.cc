#include "recommend/load.h"

#include <algorithm>

#include "features/spec.h"
#include "ids/dictionary_hash.h"
#include "models/catalog.h"
#include "models/later_items.h"
#include "recommend/filters.h"

namespace palate {
namespace {

constexpr std::string_view kTrainAgain = "train again with `palate train`";

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

}  // namespace

Status check_fit(const Manifest& manifest, const LiveState& state) {
  const std::string types = fmt::format("{:016x}", state.types().fingerprint());
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

namespace {

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

// Which of several models answers: a blend was chosen over its parts, and what is made for people
// or items without a history (by profiles, by descriptions) is there for those, not for everybody.
int preference_of(const ModelInfo& info) {
  if (info.kind == "blend") return 0;
  return info.cold_users || info.cold_items ? 2 : 1;
}

// With items of the catalogue that came after training, where the model can know them.
Result<LoadedModel> with_later_items(LoadedModel loaded, const LiveState& state) {
  const auto* knows = dynamic_cast<const KnowsLaterItems*>(loaded.model.get());
  if (knows == nullptr || knows->has_read(state.catalogue())) return loaded;
  loaded.model = TRY(knows->with_items(state.catalogue()));
  loaded.known = known_items(*loaded.model);
  return loaded;
}

// nullptr: there is none of this kind and version.
const LoadedModel* model_of(const LoadedRelease* before, std::string_view kind,
                            std::string_view version) {
  if (before == nullptr) return nullptr;
  const auto at = std::ranges::find_if(before->models, [&](const LoadedModel& one) {
    const ModelInfo& info = one.model->info();
    return info.kind == kind && info.version == version;
  });
  return at == before->models.end() ? nullptr : &*at;
}

Result<LoadedModel> load_one(std::shared_ptr<const Artefact> artefact, const LiveState& state) {
  LoadedModel loaded;
  loaded.model = TRY(load_model(std::move(artefact)));
  loaded.known = known_items(*loaded.model);
  return with_later_items(std::move(loaded), state);
}

void assign_roles(LoadedRelease& loaded) {
  std::vector<const LoadedModel*> models;
  for (const LoadedModel& model : loaded.models) models.push_back(&model);
  std::ranges::stable_sort(
      models, {}, [](const LoadedModel* model) { return preference_of(model->model->info()); });
  for (const LoadedModel* model : models) {
    const ModelInfo& info = model->model->info();
    if (info.personalized && loaded.personal == nullptr) loaded.personal = model;
    if (info.can_similar && loaded.similar == nullptr) loaded.similar = model;
  }
  // Of what knows no users, popularity is meant for everybody.
  for (const LoadedModel& model : loaded.models) {
    const ModelInfo& info = model.model->info();
    if (info.personalized) continue;
    if (loaded.popular == nullptr || info.kind == "popularity") loaded.popular = &model;
  }
}

}  // namespace

std::string dictionary_of(const LiveState& state, size_t items) {
  const Catalogue::View view = state.catalogue().view();
  DictionaryHash hash;
  for (uint32_t item = 0; item < items; ++item) hash.add(state.hash().item(view.name({item})));
  return hash.hex();
}

Result<const LoadedModel*> LoadedRelease::model(std::string_view kind) const {
  for (const LoadedModel& one : models) {
    if (one.model->info().kind == kind) return &one;
  }
  return fail(Code::kUnavailable, "the release has no model '{}'", kind);
}

const TasteWords& LoadedRelease::taste_words() const {
  std::call_once(taste_words_made, [this] {
    if (personal != nullptr) {
      taste_words_kept = TasteWords::fit(*personal->model, state->catalogue());
    }
  });
  return taste_words_kept;
}

Result<std::unique_ptr<const LoadedRelease>> load_release(const Recommender::Parts& parts,
                                                          const Release& release,
                                                          const LoadedRelease* before) {
  auto loaded = std::make_unique<LoadedRelease>();
  loaded->release = release;
  loaded->state = &parts.state;
  loaded->pipelines = &parts.pipelines;
  loaded->decisions = parts.decisions;
  loaded->pipeline = TRY(parts.pipelines.find(parts.pipeline));
  for (const auto& [kind, version] : release.artefacts) {
    if (const LoadedModel* same = model_of(before, kind, version)) {
      loaded->models.push_back(TRY(with_later_items(*same, parts.state)));
      continue;
    }
    if (kind == kRankerKind && before != nullptr && before->ranker != nullptr &&
        before->ranker->version() == version) {
      loaded->ranker = before->ranker;
      continue;
    }
    auto artefact = TRY(parts.registry.open(kind, version));
    if (auto fits = check_fit(artefact->manifest(), parts.state); !fits) {
      return std::unexpected(fits.error().within(
          fmt::format("release {}: model {} {}", release.number, kind, version)));
    }
    if (kind == kRankerKind) {
      loaded->ranker =
          TRY(Ranker::load(std::move(artefact), parts.state.types(), parts.state.features()));
      continue;
    }
    loaded->models.push_back(TRY(load_one(std::move(artefact), parts.state)));
  }
  assign_roles(*loaded);
  return loaded;
}

}  // namespace palate
