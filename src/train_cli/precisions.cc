#include <cstdio>
#include <filesystem>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "infer/narrow.h"
#include "train_cli/command.h"
#include "train_cli/scores.h"

namespace palate {
namespace {

using Json = nlohmann::json;

struct Flags {
  std::string model, examples;
};

constexpr NarrowOptions kWays[] = {
    {Precision::kF32, Precision::kF32},  {Precision::kBf16, Precision::kBf16},
    {Precision::kInt8, Precision::kF32}, {Precision::kInt8, Precision::kInt8},
    {Precision::kF32, Precision::kInt4}, {Precision::kInt8, Precision::kInt4}};

// A folder beside the model, gone when it goes.
class Scratch {
 public:
  explicit Scratch(const Path& model)
      : path_(model.string() + ".narrow" + std::to_string(getpid())) {}
  ~Scratch() { clear(); }
  Scratch(const Scratch&) = delete;
  void clear() const {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const Path& path() const { return path_; }

 private:
  Path path_;
};

// Of every label that the examples know.
Result<Json> qualities(const Network& network, const Examples& examples) {
  Json json = Json::object();
  for (const LabelScores& scores : TRY(score_examples(network, examples))) {
    const KnownRows rows = TRY(known_rows(scores, examples));
    if (!rows.scores.empty()) json[scores.label] = quality_of(scores, rows);
  }
  return json;
}

// What each number is more than it is in fp32.
Json changes(const Json& narrow, const Json& exact) {
  Json json = Json::object();
  for (const auto& [label, numbers] : narrow.items()) {
    for (const auto& [name, value] : numbers.items()) {
      const Json& before = exact[label][name];
      if (name != "examples") json[label][name] = value.get<double>() - before.get<double>();
    }
  }
  return json;
}

struct Exact {
  std::shared_ptr<const Artefact> artefact;
  std::shared_ptr<const Network> network;
  Json qualities;
};

Status report(const Exact& exact, const NarrowOptions& way, const Examples& examples,
              const Scratch& scratch) {
  scratch.clear();
  ArtefactWriter out = TRY(ArtefactWriter::create(scratch.path()));
  out.manifest.kind = "network";
  Json tables = Json::object();
  uint64_t table_bytes = 0;
  for (const NarrowedTable& table : TRY(narrow_network(exact.artefact, way, out))) {
    tables[table.field] = table.rms;
    table_bytes += table.bytes;
  }
  TRY(out.commit());
  const auto network = TRY(Network::load(TRY(Artefact::open(scratch.path()))));
  const Json now = TRY(qualities(*network, examples));
  Json layers = Json::array();
  for (const auto& [op, rms] : TRY(layer_errors(*exact.network, *network, examples))) {
    layers.push_back({{"op", op}, {"rms", rms}});
  }
  const Json line = {{"layers", precision_name(way.layers)},
                     {"tables", precision_name(way.tables)},
                     {"layer_bytes", network->work().weight_bytes},
                     {"table_bytes", table_bytes},
                     {"quality", now},
                     {"change", changes(now, exact.qualities)},
                     {"layer_errors", layers},
                     {"table_errors", tables}};
  std::printf("%s\n", line.dump().c_str());
  return {};
}

Status precisions(const Flags& flags) {
  const Examples examples = TRY(Examples::open(flags.examples));
  Exact exact{.artefact = TRY(Artefact::open(flags.model)), .network = nullptr, .qualities = {}};
  exact.network = TRY(Network::load(exact.artefact));
  exact.qualities = TRY(qualities(*exact.network, examples));
  const Scratch scratch(flags.model);
  for (const NarrowOptions& way : kWays) TRY(report(exact, way, examples, scratch));
  return {};
}

}  // namespace

std::function<Status()> declare_precisions(CommandFlags& command) {
  auto flags = std::make_shared<Flags>();
  command.add("model", flags->model, "A network that palate-train has written, in fp32").required();
  command.add("examples", flags->examples, "Examples with labels").required();
  return [flags] { return precisions(*flags); };
}

}  // namespace palate
