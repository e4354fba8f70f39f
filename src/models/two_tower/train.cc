#include "models/two_tower/train.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "artefact/safetensors.h"
#include "base/progress.h"
#include "base/stop.h"
#include "base/work_folder.h"
#include "models/model_config.h"
#include "models/train_program.h"
#include "models/two_tower/item_vectors.h"
#include "models/two_tower/towers.h"

namespace palate {
namespace {

nlohmann::json config_json(TwoTowerConfig config) {
  std::vector<Field> fields;
  FieldVisitor<TwoTowerConfig> visitor("two_tower", config, fields);
  TwoTowerConfig::fields(visitor);
  nlohmann::json json = nlohmann::json::object();
  for (const Field& field : fields) {
    std::visit([&](const auto& value) { json[field.key] = value; }, field.get());
  }
  return json;
}

struct Fitted {
  std::shared_ptr<const Artefact> artefact;
  nlohmann::json metrics;
};

// Examples into a folder, palate-train over them, and what it wrote.
Result<Fitted> fit(const TrainJob& job, const TowerSources& sources, const Path& directory) {
  const Path examples = directory / "examples", network = directory / "network";
  auto writer = TRY(ArtefactWriter::create(examples));
  writer.manifest.kind = "two_tower";
  writer.manifest.seed = job.seed;
  writer.manifest.config_json = config_json(job.configs->two_tower).dump();
  writer.manifest.details_json = nlohmann::json{{"traits", sources.traits.size()}}.dump();
  write_tower_examples(sources.examples, writer);
  TRY(writer.commit());
  Fitted fitted;
  fitted.metrics =
      TRY(run_palate_train({.kind = "two_tower",
                            .arguments = {"towers", examples.string(), "--out", network.string(),
                                          "--threads", fmt::format("{}", job.pool->size())},
                            .directory = directory},
                           job.stop));
  fitted.artefact = TRY(Artefact::open(network));
  return fitted;
}

// Of all items by the item's tower; one without a like has no row of its own.
Result<std::vector<float>> item_vectors(const Network& network, const TowerExamples& examples,
                                        const TwoTowerConfig& config) {
  constexpr uint32_t kAtOnce = 1 << 14;  // all their texts are in memory a second time
  const auto items = static_cast<uint32_t>(examples.items());
  const size_t given = items == 0 ? 0 : examples.vectors.size() / items;
  std::vector<bool> liked(items, false);
  for (const uint32_t item : examples.liked.ids) liked[item] = true;
  std::vector<float> out;
  out.reserve(size_t{items} * static_cast<size_t>(config.width));
  for (uint32_t first = 0; first < items; first += kAtOnce) {
    TowerItems some;
    for (uint32_t item = first; item < std::min(items, first + kAtOnce); ++item) {
      ItemContent content;
      const auto terms = examples.terms.of(item), words = examples.words(item);
      content.terms.assign(terms.begin(), terms.end());
      content.texts.emplace_back(words.begin(), words.end());
      some.add(liked[item] ? item + 1 : 0, content);
    }
    const auto vectors = std::span(examples.vectors).subspan(first * given, some.size() * given);
    some.vectors.assign(vectors.begin(), vectors.end());
    const auto part = TRY(tower_vectors(network, some, config));
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

// The network as it is served: of the items' table only the row that stands for those that came
// later.
Status add_network(const Artefact& artefact, ArtefactWriter& out) {
  const std::string items = "table." + std::string(kItemField);
  auto details = nlohmann::json::parse(artefact.manifest().details_json);
  NetworkSpec spec = TRY(NetworkSpec::from_json(details["network"].dump()));
  for (SparseField& field : spec.sparse) {
    if (field.name == kItemField) field.rows = 1;
  }
  out.manifest.details_json =
      nlohmann::json{{"network", nlohmann::json::parse(spec.to_json())}}.dump();
  for (const NamedTensor& tensor : artefact.tensors()) {
    auto shape = tensor.view.shape;
    auto bytes = tensor.view.bytes;
    if (tensor.name == items) {
      bytes = bytes.first(bytes.size() / shape[0]);
      shape[0] = 1;
    }
    out.add(tensor.name, tensor.view.type, shape, bytes);
  }
  return {};
}

}  // namespace

Status train_two_tower(const TrainJob& job, ArtefactWriter& out) {
  TRY(check_stop(job.stop));
  const TwoTowerConfig& config = job.configs->two_tower;
  TowerSources sources = TRY(tower_sources(job));
  if (sources.examples.liked.ids.empty()) {
    return fail(Code::kInvalidArgument, "two_tower needs at least one positive interaction");
  }
  TRY(find_palate_train("two_tower"));
  const Progress progress("training two_tower");
  Fitted fitted;
  {
    const auto directory = TRY(WorkFolder::temporary("two-tower"));
    fitted = TRY(fit(job, sources, directory->path()));
  }  // what is mapped stays
  const auto network = TRY(Network::load(fitted.artefact));
  auto vectors = TRY(item_vectors(*network, sources.examples, config));
  const auto width = static_cast<uint64_t>(config.width);
  TRY(add_network(*fitted.artefact, out));
  out.keep(fitted.artefact);
  out.add<float>("item_vectors", {sources.known.size(), width}, std::move(vectors));
  out.add<uint32_t>("item_count", {sources.known.size()}, std::move(sources.known));
  out.add<uint64_t>("traits", {sources.traits.size()}, std::move(sources.traits));
  out.manifest.metrics_json = fitted.metrics.dump();
  return {};
}

uint64_t two_tower_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs) {
  constexpr uint64_t kCopies = 5, kProgram = uint64_t{400} << 20, kContentBytes = 2048;
  const TwoTowerConfig& config = configs.two_tower;
  const uint64_t rows = sizes.items + static_cast<uint64_t>(config.term_rows) +
                        static_cast<uint64_t>(config.subword_rows);
  return kProgram + rows * static_cast<uint64_t>(config.width) * sizeof(float) * kCopies +
         sizes.items * kContentBytes + sizes.interactions * 6 * sizeof(uint32_t);
}

}  // namespace palate
