#include "operate/ranker_training.h"

#include <chrono>

#include <nlohmann/json.hpp>

#include "artefact/manifest.h"
#include "artefact/safetensors.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/stop.h"
#include "base/version.h"
#include "base/work_folder.h"
#include "dataset/examples.h"
#include "dataset/single_feature.h"
#include "features/spec.h"
#include "infer/narrow.h"
#include "infer/same_network.h"
#include "models/ranker/ranker.h"
#include "models/ranker/train_inputs.h"
#include "models/ranker/train_rows.h"
#include "models/train_program.h"
#include "operate/ranker_continuation.h"
#include "operate/ranker_trees_training.h"
#include "recommend/load.h"

namespace palate {
namespace {

using Json = nlohmann::json;

// The tables and what their optimizer keeps of them, the best epoch so far and the one that is
// written: six times, at most.
uint64_t training_bytes(const RankingFields& fields, const RankerSettings& settings,
                        uint64_t examples) {
  uint64_t rows = 0;
  for (const auto& field : fields.ids()) rows += field.rows;
  constexpr uint64_t kCopies = 6, kProgram = uint64_t{600} << 20;
  const uint64_t tables =
      rows * static_cast<uint64_t>(settings.network.width) * sizeof(float) * kCopies;
  if (!settings.trees.beside_network) return kProgram + tables;
  // Trees hold the whole table, as floats and as a bin of each; the network is fitted before.
  uint64_t columns = fields.ids().size();
  for (const auto& field : fields.numbers()) columns += field.width;
  return kProgram + std::max(tables, examples * columns * (sizeof(float) + 1));
}

struct Fitted {
  Path network;  // in fp32
  Json metrics;
};

// What is fitted; `from`: a network to go on from, if there is one.
struct FitJob {
  const RankingExamples& examples;
  const RankerSettings& settings;
  const std::optional<Path>& from;
  const Path& directory;
};
Result<Fitted> fit(const FitJob& job, const std::stop_token& stop) {
  const auto& [examples, settings, from, directory] = job;
  const auto start = std::chrono::steady_clock::now();
  Fitted fitted{.network = directory / "network", .metrics = {}};
  TrainProgramCall call{.kind = kRankerKind, .arguments = {"fit"}, .directory = directory};
  for (const Path& shard : examples.training) call.arguments.push_back(shard.string());
  call.arguments.insert(call.arguments.end(), {"--held-out", examples.held_out.string(), "--out",
                                               fitted.network.string()});
  if (from) call.arguments.insert(call.arguments.end(), {"--from", from->string()});
  RankerSettings whole = settings;  // rows that say nothing are told apart in fp32
  whole.training.layers = whole.training.tables = precision_name(Precision::kF32);
  if (from) {
    whole.training.learning_rate *= settings.examples.incremental_rate;
    whole.training.table_learning_rate *= settings.examples.incremental_rate;
  }
  add_flags("ranker", whole.network, call.arguments);
  add_flags("training", whole.training, call.arguments);
  fitted.metrics = TRY(run_palate_train(call, stop));
  fitted.metrics["fit_seconds"] =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fitted.metrics["training_rows"] = examples.training_rows;
  fitted.metrics["trained_until_us"] = examples.trained_until.us;
  fitted.metrics["held_out_rows"] = examples.held_out_rows;
  if (!examples.corrections.examination.empty()) {
    fitted.metrics["examination"] = examples.corrections.examination;
  }
  if (examples.corrections.production_rows > 0) {
    fitted.metrics["production_rows"] = examples.corrections.production_rows;
    fitted.metrics["effective_rows"] = examples.corrections.effective_rows;
  }
  return fitted;
}

// The numbers that say the most of each outcome by themselves: too much of it is told aloud.
Status note_single_features(const RankingExamples& examples, const RankingFields& fields,
                            Json& metrics) {
  constexpr size_t kNoted = 10;
  const Examples newest = TRY(Examples::open(examples.training.back()));
  const auto found = single_features(newest, fields.number_names());
  Json noted = Json::array();
  for (size_t i = 0; i < std::min(kNoted, found.size()); ++i) {
    const auto& [feature, label, auc] = found[i];
    noted.push_back({{"feature", feature}, {"objective", label}, {"auc", auc}});
    if (!found[i].suspicious()) continue;
    log_warning(
        "'{}' alone tells whether '{}' follows (AUC {:.3f}): does it count what it foretells? "
        "Leave it "
        "out of examples.features if so",
        feature, label, auc);
  }
  metrics["single_feature_auc"] = noted;
  return {};
}

void fill_manifest(const TrainingRoom& room, const RankingExamples& examples, const AsOf& as_of,
                   Manifest& manifest) {
  manifest.code_version = version();
  manifest.seed = room.seed;
  manifest.as_of_json = as_of_to_json(as_of);
  manifest.items = examples.fields.vocabulary.item_rows.size();
  manifest.dictionary = dictionary_of(room.data.state(), manifest.items);
  manifest.feature_spec = fmt::format("{:016x}", feature_spec_hash());
  manifest.event_types = fmt::format("{:016x}", room.types.fingerprint());
}

Json config_of(const RankerSettings& settings) {
  RankerSettings copy = settings;
  ConfigSchema schema;
  copy.add_to(schema);
  Json json = Json::object();
  for (const Field& field : schema.fields()) {
    std::visit([&](const auto& value) { json[field.name()] = value; }, field.get());
  }
  return json;
}

}  // namespace

void RankerSettings::add_to(ConfigSchema& schema) {
  schema.add("examples", examples);
  schema.add("ranker", network);
  schema.add("training", training);
  schema.add("trees", trees);
}

Result<RankingExamples> examples_of_log(const TrainingRoom& room, const ExamplesWanted& wanted,
                                        const Path& out) {
  const LiveState& state = room.data.state();
  return make_ranking_examples({.replay = {&room.data.log(), &room.types, &room.data.hash(),
                                           state.limits(), state.features()},
                                .catalogue = &state.catalogue(),
                                .config = wanted.config,
                                .seed = room.seed,
                                .out = out,
                                .before = wanted.before,
                                .choices = wanted.choices},
                               room.stop);
}

std::string describe(const RankingExamples& examples) {
  std::string text = fmt::format(
      "{} impressions in {} slates: {} to train on, {} held out, {} wait for their "
      "window to end, {} lie too near the held-out part",
      examples.impressions, examples.slates, examples.training_rows, examples.held_out_rows,
      examples.unfinished, examples.between);
  if (examples.replayed + examples.left_out > 0) {
    text += fmt::format("; of {} that were learnt before, {} are learnt again",
                        examples.replayed + examples.left_out, examples.replayed);
  }
  for (size_t o = 0; o < examples.objectives.size(); ++o) {
    text += fmt::format("; {}: {} followed", examples.objectives[o], examples.positives[o]);
  }
  const Corrections& corrections = examples.corrections;
  if (!corrections.examination.empty()) {
    text += fmt::format("\nplaces are looked at {:.2f} times as often as the first",
                        fmt::join(corrections.examination, ", "));
  }
  if (corrections.production_rows > 0) {
    text += fmt::format("\nweights of responses: {} rows of production count as {:.0f}",
                        corrections.production_rows, corrections.effective_rows);
  }
  return text;
}

namespace {

// One training from here on: of everything, or of what is new since `last`.
class RankerTraining {
 public:
  RankingExamples examples;
  std::optional<RankingFields> fields;
  std::optional<Path> start;

  RankerTraining(const TrainingRoom& room, const RankerSettings& settings, Path directory)
      : room_(room), settings_(settings), directory_(std::move(directory)) {}

  // The examples, and what to go on from; of everything where `last` is of no use.
  Status prepare(const std::optional<LastRanker>& last) {
    if (last) {
      const Status made = prepare_from(last);
      if (!made && made.error().code != Code::kUnavailable) return made;
      if (!made) note_anew(*last->artefact, made.error().message);
      if (start) return {};
    }
    return prepare_from(std::nullopt);
  }

  // The fitted network in the bits that are wished for, and its fields, into the version: without
  // rows that say nothing, unless trees read rows by their number.
  Status add_network(const std::shared_ptr<const Artefact>& network, ArtefactWriter& out,
                     Json& metrics) const {
    if (settings_.trees.beside_network) {
      TRY(write_ranking_fields(fields->parts(), out));
      return add_narrowed(network, out, metrics);
    }
    const PrunedRanker kept = TRY(pruned(*network, *fields));
    metrics["table_rows"] = kept.rows - kept.dropped;
    metrics["table_rows_dropped"] = kept.dropped;
    TRY(write_ranking_fields(kept.fields, out));
    const Path path = directory_ / "pruned";
    TRY(write_network(path, *network, kept.tables));
    return add_narrowed(TRY(Artefact::open(path)), out, metrics);
  }

 private:
  Status add_narrowed(const std::shared_ptr<const Artefact>& network, ArtefactWriter& out,
                      Json& metrics) const {
    const NarrowOptions narrow{TRY(parse_precision(settings_.training.layers)),
                               TRY(parse_precision(settings_.training.tables))};
    for (const auto& [field, rms, bytes] : TRY(narrow_network(network, narrow, out))) {
      if (narrow.tables != Precision::kF32) metrics["table_errors"][field] = rms;
    }
    return {};
  }
  Status prepare_from(const std::optional<LastRanker>& last) {
    std::optional<LearntBefore> before;
    if (last) before = LearntBefore{last->until, settings_.examples.replay};
    const Path out = directory_ / (last ? "new" : "all");
    TRY(make_directories(out));
    examples = TRY(examples_of_log(
        room_, {.config = settings_.examples, .choices = false, .before = before}, out));
    fields.emplace(
        TRY(RankingFields::make(examples.fields, room_.types, room_.data.state().features())));
    if (last) return go_on_from(*last);
    return {};
  }

  // The numbers of `of` with these tables; all else that the details say stays.
  static Status write_network(const Path& path, const Artefact& of, const RankerTables& with) {
    ArtefactWriter out = TRY(ArtefactWriter::create(path));
    Json details = Json::parse(of.manifest().details_json);
    details["network"] = Json::parse(with.spec.to_json());
    out.manifest.kind = "network";
    out.manifest.code_version = version();
    out.manifest.details_json = details.dump();
    add_tensors(of, with, out);
    return out.commit();
  }

  // Tables by name of id for the vocabulary of now, as a network in `start`; or nothing there, and
  // a word why.
  Status go_on_from(const LastRanker& last) {
    const ExampleSchema schema = TRY(Examples::open(examples.held_out)).schema();
    const RankerInputs inputs = TRY(ranker_inputs(schema, settings_.network));
    const TrainableNetwork plan = TRY(ranker_network(settings_.network, inputs));
    const RankerTables carried =
        TRY(carried_tables(last.artefact, *fields, room_.data.state().catalogue().view()));
    std::string differs = difference_of(plan.spec, carried.spec);
    if (differs.empty()) {
      differs = TRY(difference_of_numbers(*last.artefact, *fields, examples.training));
    }
    if (!differs.empty()) {
      note_anew(*last.artefact, differs);
      return {};
    }
    start = directory_ / "start";
    return write_network(*start, *last.artefact, carried);
  }

  const TrainingRoom& room_;
  const RankerSettings& settings_;
  Path directory_;
};

Status check_together(const RankerSettings& settings) {
  if (!settings.trees.beside_network) return {};
  if (settings.examples.incremental) {
    return fail(Code::kInvalidArgument,
                "trees.beside_network and examples.incremental exclude each other: trees cannot go "
                "on from those of a release");
  }
  const std::string& position = settings.examples.position;
  if (position == "ignore" || position == "feature") return {};
  return fail(Code::kInvalidArgument,
              "trees.beside_network and examples.position = \"{}\" exclude each other: trees learn "
              "what happened, not labels that are corrected for who looked",
              position);
}

Status add_trees(const TreesJob& job, ArtefactWriter& out, Json& metrics,
                 const std::stop_token& stop) {
  const auto trees = TRY(fit_trees(job, metrics["blend"], stop));
  std::vector<WrittenTrees> written;
  for (const FittedTrees& one : trees) written.push_back({one.blend, one.text});
  return write_ranker_trees(written, out);
}

}  // namespace

Result<TrainedVersion> train_ranker(const TrainingRoom& room, const RankerSettings& settings) {
  const auto begin = std::chrono::steady_clock::now();
  TRY(find_palate_train("rankers"));
  TRY(check_together(settings));
  Registry registry(room.data.root());
  auto writer = TRY(registry.start(kRankerKind));
  const AsOf as_of = TRY(room.data.log().ends());
  const auto directory =
      TRY(WorkFolder::at(room.data.root() / "examples" / writer.manifest.version));
  std::optional<LastRanker> last;
  if (settings.examples.incremental) {
    last = TRY(last_ranker(registry, room.data.state(), config_of(settings)));
  }
  RankerTraining training(room, settings, directory->path());
  TRY(training.prepare(last));
  const RankingExamples& examples = training.examples;
  TRY(check_memory(training_bytes(*training.fields, settings, examples.training_rows),
                   fmt::format("training 'ranker' on {} examples", examples.training_rows),
                   "Lower ranker.width, or raise examples.vocabulary_min."));
  RankerSettings given = settings;
  if (given.training.seed == TrainingConfig{}.seed) {
    given.training.seed = static_cast<int64_t>(room.seed);
  }
  if (given.trees.seed == TreesConfig{}.seed) {
    given.trees.seed = static_cast<int64_t>(room.seed & 0x7fffffffU);
  }
  Fitted fitted = TRY(fit({examples, given, training.start, directory->path()}, room.stop));
  if (training.start) {
    fitted.metrics["went_on_from"] = last->artefact->manifest().version;
    fitted.metrics["replayed_rows"] = examples.replayed;
  }
  TRY(note_single_features(examples, *training.fields, fitted.metrics));
  const auto network = TRY(Artefact::open(fitted.network));
  TRY(training.add_network(network, writer, fitted.metrics));
  if (settings.trees.beside_network) {
    const TreesJob job{examples, given.trees, fitted.network, directory->path()};
    TRY(add_trees(job, writer, fitted.metrics, room.stop));
  }
  fill_manifest(room, examples, as_of, writer.manifest);
  writer.manifest.metrics_json = fitted.metrics.dump();
  writer.manifest.config_json = config_of(given).dump();
  TRY(check_stop(room.stop));
  TrainedVersion trained{std::string(kRankerKind), writer.manifest.version, 0,
                         writer.manifest.metrics_json};
  TRY(writer.commit());
  trained.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return trained;
}

}  // namespace palate
