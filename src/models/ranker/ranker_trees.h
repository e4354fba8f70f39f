// Trees beside a ranker's network: what both say of an objective, as one probability. Weights and
// shift are those of a logistic regression over log-odds (`palate-train blend`).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "artefact/artefact.h"
#include "base/result.h"
#include "features/ranking_fields.h"
#include "infer/trees_model.h"

namespace palate {

inline constexpr std::string_view kRankerBlendFile = "blend.json";

// 1 / (1 + exp(-z)), z = network · log-odds of the network + trees · log-odds of the trees + shift.
struct BlendedTrees {
  std::string objective;
  TreesModel model;
  double network = 1, trees = 0, shift = 0;
  [[nodiscard]] double probability(double of_network, double of_trees) const;
};

// `text`: of model.trees, as LightGBM writes it.
struct WrittenTrees {
  const BlendedTrees& blend;
  std::string_view text;
};
// Files of an artefact that is being written; without `trees` there are none.
Status write_ranker_trees(std::span<const WrittenTrees> trees, ArtefactWriter& out);
// Empty where the artefact has none. Errors: kCorrupt, and those of TreesModel::parse().
Result<std::vector<BlendedTrees>> read_ranker_trees(const Artefact& artefact);

// A model's features out of what RankingFields has read. The place in the slate is the first.
class TreeColumns {
 public:
  // Errors: kConflict where it reads a column that there is not.
  static Result<TreeColumns> of(const TreesModel& model, const RankingFields& fields);
  // A row of features a candidate, `items` of them, into `rows`. `numbers`: of the values, with
  // training's mean for what is set aside.
  void read(const RankingFields::Values& values, std::span<const std::vector<float>> numbers,
            size_t items, std::vector<float>& rows) const;

 private:
  struct Column {
    TreeReading reading = TreeReading::kNumber;
    size_t at = 0;  // of the fields of ids or of numbers; kPosition
    bool of_request = false;
    bool has_starts = false;  // ids: a row has any number of them
    size_t width = 1, place = 0;
  };
  static constexpr size_t kPosition = SIZE_MAX;
  [[nodiscard]] static float value(const Column& column, const RankingFields::Values& values,
                                   std::span<const std::vector<float>> numbers, size_t item);
  std::vector<Column> columns_;
};

}  // namespace palate
