#include "train_cli/scores.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <numeric>

#include <nlohmann/json.hpp>

#include "infer/network.h"
#include "infer/trainable.h"
#include "infer/trees_model.h"
#include "math/judgement.h"
#include "math/metrics.h"
#include "models/gbdt/train_rows.h"

namespace palate {
namespace {

using Json = nlohmann::json;

constexpr size_t kBlock = 1024, kPlaces = 10;

template <class Columns>
size_t place_of(const Columns& columns, std::string_view field) {
  const auto found = std::ranges::find(columns, column_of(field), &Columns::value_type::name);
  return static_cast<size_t>(found - columns.begin());
}

// Where the rows of one request end: up to there, what its fields of the request read is the same.
size_t request_end(const NetworkSpec& spec, const Examples& examples, size_t begin) {
  const size_t end = std::min(begin + kBlock, examples.rows());
  const auto same = [&](size_t row) {
    for (const SparseField& field : spec.sparse) {
      if (field.owner != FieldOwner::kRequest) continue;
      const size_t column = place_of(examples.schema().ids, field.name);
      if (!std::ranges::equal(examples.ids(column, begin), examples.ids(column, row))) return false;
    }
    for (const DenseField& field : spec.dense) {
      if (field.owner != FieldOwner::kRequest) continue;
      const size_t column = place_of(examples.schema().numbers, field.name);
      const auto first = examples.numbers(column, begin), other = examples.numbers(column, row);
      if (std::memcmp(first.data(), other.data(), first.size_bytes()) != 0) return false;
    }
    return true;
  };
  size_t row = begin + 1;
  while (row < end && same(row)) ++row;
  return row;
}

// Rows of examples as a request whose candidates they are.
class RequestRows {
 public:
  RequestRows(const NetworkSpec& spec, const Examples& examples, size_t begin, size_t rows)
      : ids_(spec.sparse.size()), offsets_(ids_.size()), numbers_(spec.dense.size()) {
    for (size_t f = 0; f < ids_.size(); ++f) {
      const size_t column = place_of(examples.schema().ids, spec.sparse[f].name);
      offsets_[f].push_back(0);
      const bool of_request = spec.sparse[f].owner == FieldOwner::kRequest;
      for (size_t row = begin; row < begin + (of_request ? 1 : rows); ++row) {
        const auto ids = examples.ids(column, row);
        ids_[f].insert(ids_[f].end(), ids.begin(), ids.end());
        offsets_[f].push_back(static_cast<uint32_t>(ids_[f].size()));
      }
      sparse_.push_back({ids_[f], offsets_[f]});
    }
    for (size_t f = 0; f < numbers_.size(); ++f) {
      const size_t column = place_of(examples.schema().numbers, spec.dense[f].name);
      const bool of_request = spec.dense[f].owner == FieldOwner::kRequest;
      for (size_t row = begin; row < begin + (of_request ? 1 : rows); ++row) {
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

Result<std::vector<LabelScores>> score_trees(const Artefact& artefact, const Examples& examples) {
  const TreesModel model = TRY(TreesModel::load(artefact));
  const TreeRows rows = TRY(TreeRows::of(examples, model.features));
  LabelScores out{.label = model.label,
                  .probability = model.trees->link() == TreesLink::kSigmoid,
                  .group = model.group,
                  .scores = std::vector<double>(examples.rows())};
  TreesScratch scratch;
  std::vector<float> block;
  for (size_t begin = 0; begin < examples.rows(); begin += kBlock) {
    const size_t count = std::min(kBlock, examples.rows() - begin);
    block.clear();
    for (size_t row = begin; row < begin + count; ++row) rows.append(row, block);
    TRY(model.trees->score(block, std::span(out.scores).subspan(begin, count), scratch));
  }
  return std::vector{std::move(out)};
}

// NDCG of one group's rows in descending order of scores, earlier rows first among equals; nullopt
// where no label is above 0.
std::optional<double> ndcg_of(const KnownRows& rows, std::span<const size_t> group) {
  std::vector<uint32_t> ranked(group.size()), relevant;
  std::vector<float> gains;
  std::iota(ranked.begin(), ranked.end(), 0U);
  std::ranges::stable_sort(ranked, std::ranges::greater{},
                           [&](uint32_t i) { return rows.scores[group[i]]; });
  for (uint32_t i = 0; i < group.size(); ++i) {
    if (rows.labels[group[i]] <= 0) continue;
    relevant.push_back(i);
    gains.push_back(rows.labels[group[i]]);
  }
  if (relevant.empty()) return std::nullopt;
  return ranking_metrics({ranked, relevant, gains}, kPlaces).ndcg;
}

// The mean over groups with something above 0.
Json mean_ndcg(const KnownRows& rows) {
  std::vector<size_t> order(rows.groups.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t i) { return rows.groups[i]; });
  double sum = 0;
  size_t judged = 0;
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && rows.groups[order[end]] == rows.groups[order[begin]]) ++end;
    if (rows.groups[order[begin]] == 0) continue;  // of several, which nobody can tell apart
    const auto ndcg = ndcg_of(rows, std::span(order).subspan(begin, end - begin));
    if (ndcg) sum += *ndcg, ++judged;
  }
  return {{"ndcg_at_10", judged > 0 ? sum / static_cast<double>(judged) : 0}, {"groups", judged}};
}

}  // namespace

Result<std::vector<LabelScores>> score_examples(const Network& network, const Examples& examples) {
  const NetworkSpec& spec = network.spec();
  TRY(check_columns(spec, examples.schema()));
  std::vector<std::vector<float>> scores(spec.outputs.size(), std::vector<float>(examples.rows()));
  NetworkScratch scratch;
  for (size_t begin = 0, end = 0; begin < examples.rows(); begin = end) {
    end = request_end(spec, examples, begin);
    const size_t rows = end - begin;
    const RequestRows block(spec, examples, begin, rows);
    std::vector<std::span<float>> part;
    for (auto& score : scores) part.push_back(std::span(score).subspan(begin, rows));
    TRY(network.score(block.request(), part, scratch));
  }
  std::vector<LabelScores> out;
  for (size_t i = 0; i < scores.size(); ++i) {
    out.push_back({.label = spec.outputs[i].name,
                   .probability = spec.outputs[i].link == Link::kSigmoid,
                   .quantity = spec.outputs[i].link != Link::kSigmoid,
                   .group = {},
                   .scores = {scores[i].begin(), scores[i].end()}});
  }
  return out;
}

Result<std::vector<Network::LayerError>> layer_errors(const Network& exact, const Network& narrow,
                                                      const Examples& examples) {
  constexpr size_t kRows = 4096;
  const NetworkSpec& spec = exact.spec();
  TRY(check_columns(spec, examples.schema()));
  std::deque<RequestRows> blocks;  // stay where they are: requests point into them
  std::vector<NetworkRequest> requests;
  const size_t most = std::min(kRows, examples.rows());
  for (size_t begin = 0, end = 0; begin < most; begin = end) {
    end = request_end(spec, examples, begin);
    requests.push_back(blocks.emplace_back(spec, examples, begin, end - begin).request());
  }
  return exact.layer_errors(narrow, requests);
}

Result<std::vector<LabelScores>> score_examples(const Path& model, const Examples& examples) {
  const auto artefact = TRY(Artefact::open(model));
  if (artefact->manifest().kind == kTreesKind) return score_trees(*artefact, examples);
  const auto network = TRY(Network::load(artefact));
  return score_examples(*network, examples);
}

Result<KnownRows> known_rows(const LabelScores& of, const Examples& examples) {
  KnownRows out;
  const auto& labels = examples.schema().labels;
  const auto column = static_cast<size_t>(std::ranges::find(labels, of.label) - labels.begin());
  if (column == labels.size()) return out;
  const bool grouped = !of.group.empty();
  const size_t group = grouped ? TRY(group_column(examples.schema(), of.group)) : 0;
  const auto label = examples.label(column);
  for (size_t row = 0; row < label.size(); ++row) {
    if (!std::isfinite(label[row])) continue;
    out.happened.push_back(label[row] > 0.5F ? 1 : 0);
    out.labels.push_back(label[row]);
    out.weights.push_back(examples.weight(row));
    out.scores.push_back(of.scores[row]);
    if (grouped) out.groups.push_back(examples.ids(group, row)[0]);
  }
  return out;
}

Json quality_of(const LabelScores& of, const KnownRows& rows) {
  if (of.quantity) {
    double squares = 0;
    for (size_t i = 0; i < rows.scores.size(); ++i) {
      squares += std::pow(rows.scores[i] - rows.labels[i], 2);
    }
    const auto examples = static_cast<double>(rows.scores.size());
    return {{"rmse", std::sqrt(squares / std::max(examples, 1.0))},
            {"examples", rows.scores.size()}};
  }
  Json json = {{"auc", auc(rows.scores, rows.happened).value_or(0.5)},
               {"examples", rows.scores.size()}};
  if (of.probability) {
    json["log_loss"] = log_loss(rows.scores, rows.happened);
    json["calibration_error"] = calibration_error(rows.scores, rows.happened);
  }
  if (!rows.groups.empty()) json.update(mean_ndcg(rows));
  return json;
}

}  // namespace palate
