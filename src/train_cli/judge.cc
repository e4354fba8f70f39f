#include <cstdio>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "dataset/examples.h"
#include "infer/network.h"
#include "infer/trainable.h"
#include "math/judgement.h"
#include "train_cli/command.h"

namespace palate {
namespace {

using Json = nlohmann::json;

struct Flags {
  std::string network, examples;
};

constexpr size_t kBlock = 1024;

template <class Columns>
size_t place_of(const Columns& columns, std::string_view field) {
  const auto found = std::ranges::find(columns, column_of(field), &Columns::value_type::name);
  return static_cast<size_t>(found - columns.begin());
}

// A block of examples as a request whose candidates are the rows.
class Block {
 public:
  Block(const NetworkSpec& spec, const Examples& examples, size_t begin, size_t rows)
      : ids_(spec.sparse.size()), offsets_(ids_.size()), numbers_(spec.dense.size()) {
    for (size_t f = 0; f < ids_.size(); ++f) {
      const size_t column = place_of(examples.schema().ids, spec.sparse[f].name);
      offsets_[f].push_back(0);
      for (size_t row = begin; row < begin + rows; ++row) {
        const auto ids = examples.ids(column, row);
        ids_[f].insert(ids_[f].end(), ids.begin(), ids.end());
        offsets_[f].push_back(static_cast<uint32_t>(ids_[f].size()));
      }
      sparse_.push_back({ids_[f], offsets_[f]});
    }
    for (size_t f = 0; f < numbers_.size(); ++f) {
      const size_t column = place_of(examples.schema().numbers, spec.dense[f].name);
      for (size_t row = begin; row < begin + rows; ++row) {
        const auto numbers = examples.numbers(column, row);
        numbers_[f].insert(numbers_[f].end(), numbers.begin(), numbers.end());
      }
      dense_.emplace_back(numbers_[f]);
    }
    request_ = {rows, sparse_, dense_};
  }
  [[nodiscard]] const NetworkRequest& request() const { return request_; }

 private:
  std::vector<std::vector<uint32_t>> ids_, offsets_;
  std::vector<std::vector<float>> numbers_;
  std::vector<SparseValues> sparse_;
  std::vector<std::span<const float>> dense_;
  NetworkRequest request_;
};

Status check_columns(const NetworkSpec& spec, const ExampleSchema& schema) {
  for (const SparseField& field : spec.sparse) {
    if (place_of(schema.ids, field.name) == schema.ids.size()) {
      return fail(Code::kInvalidArgument, "the network reads ids of '{}', which the examples lack",
                  field.name);
    }
  }
  for (const DenseField& field : spec.dense) {
    if (place_of(schema.numbers, field.name) == schema.numbers.size()) {
      return fail(Code::kInvalidArgument,
                  "the network reads numbers of '{}', which the examples lack", field.name);
    }
  }
  return {};
}

Status judge(const Flags& flags) {
  const auto artefact = TRY(Artefact::open(flags.network));
  const auto network = TRY(Network::load(artefact));
  const NetworkSpec& spec = network->spec();
  const Examples examples = TRY(Examples::open(flags.examples));
  TRY(check_columns(spec, examples.schema()));
  std::vector<std::vector<float>> scores(spec.outputs.size(), std::vector<float>(examples.rows()));
  NetworkScratch scratch;
  for (size_t begin = 0; begin < examples.rows(); begin += kBlock) {
    const size_t rows = std::min(kBlock, examples.rows() - begin);
    const Block block(spec, examples, begin, rows);
    std::vector<std::span<float>> part;
    for (auto& score : scores) part.push_back(std::span(score).subspan(begin, rows));
    TRY(network->score(block.request(), part, scratch));
  }
  Json line = Json::object();
  for (size_t i = 0; i < scores.size(); ++i) {
    const auto& labels = examples.schema().labels;
    const auto column = std::ranges::find(labels, spec.outputs[i].name) - labels.begin();
    if (static_cast<size_t>(column) == labels.size()) continue;
    std::vector<uint8_t> happened;
    std::vector<double> known;
    const auto label = examples.label(static_cast<size_t>(column));
    for (size_t row = 0; row < label.size(); ++row) {
      if (!std::isfinite(label[row])) continue;
      happened.push_back(label[row] > 0.5F ? 1 : 0);
      known.push_back(scores[i][row]);
    }
    line[spec.outputs[i].name] = {{"auc", auc(known, happened).value_or(0.5)},
                                  {"log_loss", log_loss(known, happened)},
                                  {"calibration_error", calibration_error(known, happened)},
                                  {"examples", known.size()}};
  }
  std::printf("%s\n", line.dump().c_str());
  return {};
}

}  // namespace

std::function<Status()> declare_judge(CLI::App& app) {
  auto flags = std::make_shared<Flags>();
  app.add_option("network", flags->network, "A network that fit has written")->required();
  app.add_option("examples", flags->examples, "Examples with labels")->required();
  return [flags] { return judge(*flags); };
}

}  // namespace palate
