#include "models/train_catalog.h"

#include <array>

#include <nlohmann/json.hpp>

#include "artefact/manifest.h"
#include "base/memory.h"
#include "base/version.h"
#include "features/spec.h"
#include "models/als/train.h"
#include "models/als/train_memory.h"
#include "models/blend/train.h"
#include "models/content/train.h"
#include "models/demographic/train.h"
#include "models/ease/train.h"
#include "models/graph/train.h"
#include "models/item_knn/train.h"
#include "models/mf/train.h"
#include "models/popularity/train.h"
#include "models/trending/train.h"
#include "models/two_tower/train.h"
#include "models/user_knn/train.h"

namespace palate {
namespace {

constexpr std::array kTrainers{
    TrainerEntry{"popularity", train_popularity, popularity_memory_bytes, ""},
    TrainerEntry{"als", train_als, als_memory_bytes,
                 "Lower als.factors, which it is proportional to, or train where there is more."},
    TrainerEntry{"item_knn", train_item_knn, item_knn_memory_bytes,
                 "Lower item_knn.neighbours, or train where there is more."},
    TrainerEntry{"ease", train_ease, ease_memory_bytes,
                 "Set ease.solver to neighbours, lower ease.neighbours, or train where there is "
                 "more."},
    TrainerEntry{"graph", train_graph, graph_memory_bytes,
                 "Lower graph.factors, which it is proportional to, or train where there is more."},
    TrainerEntry{"blend", train_blend, blend_memory_bytes,
                 "Name smaller parts in blend.models, or train where there is more.", false,
                 blend_holds_histories},
    TrainerEntry{"content", train_content, content_memory_bytes,
                 "Lower content.neighbours, or train where there is more."},
    TrainerEntry{"demographic", train_demographic, demographic_memory_bytes,
                 "Lower demographic.clusters, which it is proportional to."},
    TrainerEntry{"trending", train_trending, trending_memory_bytes, ""},
    TrainerEntry{"user_knn", train_user_knn, user_knn_memory_bytes,
                 "Lower user_knn.users_max, or train where there is more.", false,
                 [](const ModelConfigs&) { return true; }},
    TrainerEntry{"mf", train_mf, mf_memory_bytes,
                 "Lower mf.samples or mf.factors, which it is proportional to.", true},
    TrainerEntry{"two_tower", train_two_tower, two_tower_memory_bytes,
                 "Lower two_tower.width, which it is proportional to."},
};

Result<TrainerEntry> find_trainer(std::string_view kind) {
  std::string known;
  for (const TrainerEntry& entry : kTrainers) {
    if (entry.kind == kind) return entry;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.kind);
  }
  return fail(Code::kNotFound, "there is no model '{}'; there are {}", kind, known);
}

// The fields of the section that is called like the kind.
nlohmann::json config_of(std::string_view kind, ModelConfigs configs) {
  ConfigSchema schema;
  configs.add_to(schema);
  nlohmann::json json = nlohmann::json::object();
  for (const Field& field : schema.fields()) {
    if (field.section != kind) continue;
    std::visit([&](const auto& value) { json[field.key] = value; }, field.get());
  }
  return json;
}

nlohmann::json as_of_json(const AsOf& as_of) {
  nlohmann::json positions = nlohmann::json::array();
  for (const Position& position : as_of) {
    const std::string text = to_string(position);  // "events/0@12345"
    positions.push_back({{"stream", text.substr(0, text.find('/'))},
                         {"partition", position.partition},
                         {"offset", position.offset}});
  }
  return positions;
}

// Fingerprints are hex digits: JSON numbers lose bits above 2^53 in most readers.
nlohmann::json seen_json(const DatasetView::Seen& seen) {
  return {{"interactions", seen.interactions},
          {"fingerprint", fmt::format("{:016x}", seen.fingerprint)},
          {"newest_ts_us", seen.newest_ts.us},
          {"newest_offset", seen.newest_offset}};
}

// What every model's manifest says, whatever its kind; what the trainer wrote into details stays.
void fill_manifest(std::string_view kind, const TrainJob& job, const DatasetView::Seen& seen,
                   Manifest& manifest) {
  const Dataset& data = job.data->dataset();
  manifest.kind = kind;
  manifest.created = format_rfc3339(now());
  manifest.code_version = version();
  manifest.seed = job.seed;
  manifest.config_json = config_of(kind, *job.configs).dump();
  manifest.as_of_json = as_of_json(data.as_of()).dump();
  manifest.items = data.items();
  manifest.dictionary = data.dictionary_hash();
  manifest.feature_spec = fmt::format("{:016x}", feature_spec_hash());
  manifest.event_types = fmt::format("{:016x}", data.event_types());
  auto details = nlohmann::json::parse(manifest.details_json);
  details["seen"] = seen_json(seen);
  manifest.details_json = details.dump();
}

}  // namespace

std::span<const TrainerEntry> trainer_catalogue() { return kTrainers; }

bool holds_histories(std::string_view kind, const ModelConfigs& configs) {
  const auto trainer = find_trainer(kind);
  return trainer && trainer->holds_histories != nullptr && trainer->holds_histories(configs);
}

Status check_training_memory(std::string_view kind, const TrainSizes& sizes,
                             const ModelConfigs& configs) {
  const TrainerEntry trainer = TRY(find_trainer(kind));
  const std::string doing = fmt::format("training '{}' on {} users, {} items and {} interactions",
                                        kind, sizes.users, sizes.items, sizes.interactions);
  return check_memory(trainer.memory_bytes(sizes, configs), doing, trainer.memory_advice);
}

namespace {

// What the items are called, so that an artefact can be read without its data directory.
Status add_item_names(const Dataset& data, ArtefactWriter& out) {
  if (!data.has_item_names()) return {};
  TRY(data.write_item_names(out.path_of(kItemNamesFile)));
  return out.add_written(kItemNamesFile);
}

}  // namespace

Status train_model(std::string_view kind, const TrainJob& job, ArtefactWriter& out) {
  const TrainerEntry trainer = TRY(find_trainer(kind));
  const DatasetView::Seen seen = job.data->seen();
  if (seen.interactions == 0) {
    return fail(Code::kInvalidArgument,
                "there is nothing to train '{}' on: no event says what somebody likes; import "
                "events first (`palate import`)",
                kind);
  }
  if (auto trained = trainer.train(job, out); !trained) {
    return std::unexpected(trained.error().within(fmt::format("training '{}'", kind)));
  }
  fill_manifest(kind, job, seen, out.manifest);
  return add_item_names(job.data->dataset(), out);
}

}  // namespace palate
