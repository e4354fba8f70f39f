#include "models/ranker/ranker.h"

#include <algorithm>
#include <array>
#include <fstream>

#include "infer/trainable.h"

namespace palate {
namespace {

constexpr std::string_view kTrainAgain = "train again with `palate train --models ranker`";
constexpr std::array<uint32_t, 1> kFirstPlace{1};

// Which of `fields` has the name, and whose it is.
template <class Fields>
size_t place_of(const Fields& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, [](const auto& field) { return field.name; });
  return static_cast<size_t>(found - fields.begin());
}

bool of_request(const SparseField& field) { return field.owner == FieldOwner::kRequest; }
bool of_request(const DenseField& field) { return field.owner == FieldOwner::kRequest; }

std::unexpected<Error> does_not_fit(std::string_view name) {
  return fail(
      Code::kConflict,
      "the ranker reads the field '{}', which there is not, or not so wide, in this palate; "
      "{}",
      name, kTrainAgain);
}

}  // namespace

Result<RankingFields::Parts> read_ranking_fields(const Artefact& artefact) {
  const std::string json = TRY(read_file(artefact.path() / kRankerFieldsFile));
  RankingFields::Parts parts = TRY(ranking_fields_from_json(json));
  const auto read = [&](std::string_view name, std::vector<uint32_t>& to) -> Status {
    const auto rows = TRY(artefact.vector<uint32_t>(name));
    to.assign(rows.begin(), rows.end());
    return {};
  };
  RankingVocabulary& of = parts.vocabulary;
  TRY(read(kRankerItemRows, of.item_rows));
  if (of.items_narrow > 1) TRY(read(kRankerNarrowRows, of.item_narrow));
  if (of.history_items > 0) TRY(read(kRankerHistoryRows, of.history_rows));
  return parts;
}

Status write_ranking_fields(const RankingFields::Parts& parts, ArtefactWriter& out) {
  const RankingVocabulary& of = parts.vocabulary;
  const auto write = [&](std::string_view name, std::vector<uint32_t> rows) {
    const uint64_t size = rows.size();
    out.add(std::string(name), {size}, std::move(rows));
  };
  write(kRankerItemRows, of.item_rows);
  if (of.items_narrow > 1) write(kRankerNarrowRows, of.item_narrow);
  if (of.history_items > 0) write(kRankerHistoryRows, of.history_rows);
  return out.add_file(kRankerFieldsFile, to_json(parts));
}

Result<std::unique_ptr<const Ranker>> Ranker::load(std::shared_ptr<const Artefact> artefact,
                                                   const EventTypes& types,
                                                   const FeatureConfig& features) {
  RankingFields::Parts parts = TRY(read_ranking_fields(*artefact));
  auto fields = RankingFields::make(std::move(parts), types, features);
  if (!fields) {
    return fail(Code::kConflict, "{}; keep it, or {}", fields.error().message, kTrainAgain);
  }
  std::string version = artefact->manifest().version;
  auto network = TRY(Network::load(artefact));
  std::unique_ptr<Ranker> ranker(
      new Ranker(std::move(*fields), std::move(network), std::move(version)));
  TRY(ranker->find_columns());
  TRY(ranker->learn_drift(*artefact));
  TRY(ranker->add_trees(*artefact));
  return ranker;
}

Status Ranker::find_columns() {
  const auto& ids = fields_.ids();
  for (const SparseField& field : network_->spec().sparse) {
    const std::string_view column = column_of(field.name);
    if (column == "position" && of_request(field)) {
      sparse_.push_back(kPosition);
      continue;
    }
    const size_t at = place_of(ids, column);
    // A row behind the table would be read as unknown: what is there must fit what was trained.
    if (at == ids.size() || ids[at].of_request != of_request(field) || ids[at].rows != field.rows ||
        ids[at].many != (field.pooling != Pooling::kOne)) {
      return does_not_fit(field.name);
    }
    sparse_.push_back(at);
  }
  const auto numbers = fields_.numbers();
  for (const DenseField& field : network_->spec().dense) {
    const size_t at = place_of(numbers, column_of(field.name));
    if (at == numbers.size() || numbers[at].of_request != of_request(field) ||
        numbers[at].width != field.width) {
      return does_not_fit(field.name);
    }
    dense_.push_back(at);
  }
  return {};
}

// What training saw of each number; of those that no field of the network reads, nothing.
Status Ranker::learn_drift(const Artefact& artefact) {
  std::vector<std::vector<FeatureDrift::Feature>> fields;
  for (const auto& names : fields_.number_names()) {
    auto& field = fields.emplace_back();
    for (const std::string& name : names) field.push_back({name, 0, 0});
  }
  for (size_t i = 0; i < dense_.size(); ++i) {
    const std::string& name = network_->spec().dense[i].name;
    const auto mean = TRY(artefact.vector<float>("mean." + name));
    const auto scale = TRY(artefact.vector<float>("scale." + name));
    auto& field = fields[dense_[i]];
    for (size_t column = 0; column < field.size(); ++column) {
      field[column].mean = mean[column];
      field[column].scale = scale[column];
    }
  }
  drift_ = std::make_unique<FeatureDrift>(std::move(fields));
  return {};
}

Status Ranker::add_trees(const Artefact& artefact) {
  const auto& outputs = network_->spec().outputs;
  for (BlendedTrees& blend : TRY(read_ranker_trees(artefact))) {
    const size_t output = place_of(outputs, blend.objective);
    if (output == outputs.size() || outputs[output].link != Link::kSigmoid) {
      return fail(Code::kCorrupt,
                  "trees of '{}', of which the ranker's network says no probability",
                  blend.objective);
    }
    TreeColumns columns = TRY(TreeColumns::of(blend.model, fields_));
    trees_.push_back({output, std::move(blend), std::move(columns)});
  }
  return {};
}

std::vector<std::string> Ranker::objectives() const {
  std::vector<std::string> names;
  for (const Output& output : network_->spec().outputs) names.push_back(output.name);
  return names;
}

Result<std::vector<std::vector<float>>> Ranker::score(const FeatureReader::Request& request,
                                                      std::span<const std::string> set_aside,
                                                      Scratch& scratch) const {
  fields_.read(request, scratch.values, scratch.fields);
  const auto* numbers = &scratch.values.numbers;
  if (!set_aside.empty()) {
    scratch.numbers = *numbers;
    drift_->leave_out(set_aside, scratch.numbers);
    numbers = &scratch.numbers;
  }
  std::vector<SparseValues> sparse;
  for (const size_t at : sparse_) {
    if (at == kPosition) {
      sparse.push_back({kFirstPlace, {}});
    } else {
      sparse.push_back({scratch.values.ids[at], scratch.values.starts[at]});
    }
  }
  std::vector<std::span<const float>> dense;
  for (const size_t at : dense_) dense.emplace_back((*numbers)[at]);
  std::vector<std::vector<float>> scores(network_->spec().outputs.size(),
                                         std::vector<float>(request.items.size()));
  const std::vector<std::span<float>> out(scores.begin(), scores.end());
  TRY(network_->score({request.items.size(), sparse, dense}, out, scratch.network));
  TRY(blend_trees(set_aside, scores, scratch));
  return scores;
}

// What was not missing in training the trees would read as 0 where it is: they get its mean.
Status Ranker::blend_trees(std::span<const std::string> set_aside,
                           std::span<std::vector<float>> scores, Scratch& scratch) const {
  if (trees_.empty()) return {};
  const auto* numbers = &scratch.values.numbers;
  if (!set_aside.empty()) {
    scratch.numbers = *numbers;
    drift_->leave_out(set_aside, scratch.numbers, FeatureDrift::Instead::kMean);
    numbers = &scratch.numbers;
  }
  for (const auto& [output, blend, columns] : trees_) {
    std::vector<float>& score = scores[output];
    columns.read(scratch.values, *numbers, score.size(), scratch.rows);
    scratch.says.resize(score.size());
    TRY(blend.model.trees->score(scratch.rows, scratch.says, scratch.trees));
    for (size_t i = 0; i < score.size(); ++i) {
      score[i] = static_cast<float>(blend.probability(score[i], scratch.says[i]));
    }
  }
  return {};
}

void Ranker::observe(const Scratch& scratch, std::span<const uint32_t> candidates) const {
  drift_->observe(scratch.values.numbers, candidates);
}

}  // namespace palate
