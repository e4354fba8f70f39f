#include "models/ranker/ranker_trees.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "math/logistic.h"

namespace palate {
namespace {

using Json = nlohmann::json;

constexpr uint32_t kFormat = 1;

std::string text_file(size_t number) { return fmt::format("trees.{}.txt", number); }

std::unexpected<Error> wrong(std::string_view what) {
  return fail(Code::kCorrupt, "{}: {}", kRankerBlendFile, what);
}

Result<double> number_at(const Json& json, const char* key) {
  constexpr double kWeightMax = 1e6;
  const double number = json.contains(key) && json[key].is_number() ? json[key].get<double>() : NAN;
  if (std::abs(number) <= kWeightMax) return number;
  return wrong(fmt::format("'{}' is not a number, or too large", key));
}

Result<BlendedTrees> parse_blend(const Json& json, std::string_view text) {
  if (!json.is_object() || !json.contains("objective") || !json["objective"].is_string() ||
      !json.contains("model")) {
    return wrong("a blend has no objective or no model");
  }
  BlendedTrees blend;
  blend.objective = json["objective"].get<std::string>();
  blend.network = TRY(number_at(json, "network"));
  blend.trees = TRY(number_at(json, "trees"));
  blend.shift = TRY(number_at(json, "shift"));
  blend.model = TRY(TreesModel::parse(json["model"].dump(), text));
  if (blend.model.trees->link() != TreesLink::kSigmoid) {
    return wrong(fmt::format("the trees of '{}' say no probability", blend.objective));
  }
  return blend;
}

template <class Fields>
size_t place_of(const Fields& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, [](const auto& field) { return field.name; });
  return static_cast<size_t>(found - fields.begin());
}

}  // namespace

double BlendedTrees::probability(double of_network, double of_trees) const {
  const double z = network * log_odds(of_network) + trees * log_odds(of_trees) + shift;
  return 1 / (1 + std::exp(-z));
}

Status write_ranker_trees(std::span<const WrittenTrees> trees, ArtefactWriter& out) {
  if (trees.empty()) return {};
  Json blends = Json::array();
  for (size_t i = 0; i < trees.size(); ++i) {
    const BlendedTrees& blend = trees[i].blend;
    blends.push_back({{"objective", blend.objective},
                      {"network", blend.network},
                      {"trees", blend.trees},
                      {"shift", blend.shift},
                      {"model", Json::parse(blend.model.describe())}});
    TRY(out.add_file(text_file(i), trees[i].text));
  }
  return out.add_file(kRankerBlendFile, Json{{"format", kFormat}, {"blends", blends}}.dump());
}

Result<std::vector<BlendedTrees>> read_ranker_trees(const Artefact& artefact) {
  const auto& files = artefact.manifest().checksums;
  std::vector<BlendedTrees> trees;
  if (!files.contains(std::string(kRankerBlendFile))) return trees;
  const std::string text = TRY(read_file(artefact.path() / kRankerBlendFile));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("format") || !json.contains("blends") ||
      !json["blends"].is_array()) {
    return wrong("there are no blends");
  }
  if (json["format"] != kFormat) {
    return fail(Code::kUnsupportedVersion, "{} of format {}, this version of palate reads {}",
                kRankerBlendFile, json["format"].dump(), kFormat);
  }
  for (const Json& one : json["blends"]) {
    const std::string name = text_file(trees.size());
    if (!files.contains(name)) return wrong(fmt::format("there is no {}", name));
    const std::string lightgbm = TRY(read_file(artefact.path() / name));
    trees.push_back(TRY(parse_blend(one, lightgbm)));
    const auto same = std::ranges::count(trees, trees.back().objective, &BlendedTrees::objective);
    if (same > 1) return wrong(fmt::format("'{}' is blended twice", trees.back().objective));
  }
  return trees;
}

Result<TreeColumns> TreeColumns::of(const TreesModel& model, const RankingFields& fields) {
  TreeColumns out;
  const auto numbers = fields.numbers();
  for (const TreeFeature& feature : model.features) {
    Column column{.reading = feature.reading, .place = feature.place};
    bool fits = false;
    if (feature.reading == TreeReading::kNumber) {
      column.at = place_of(numbers, feature.column);
      fits = column.at < numbers.size() && feature.place < numbers[column.at].width;
      if (fits) column.of_request = numbers[column.at].of_request;
      if (fits) column.width = numbers[column.at].width;
    } else if (feature.column == "position" && feature.reading == TreeReading::kId) {
      column.at = kPosition;
      fits = true;
    } else {
      column.at = place_of(fields.ids(), feature.column);
      if (column.at < fields.ids().size()) {
        const RankingFields::IdField& field = fields.ids()[column.at];
        // Rows of one id are no bag: their first one stands for it, as in examples.
        const bool bag = field.many && !field.sum;
        fits = bag == (feature.reading == TreeReading::kCount);
        column.of_request = field.of_request;
        column.has_starts = field.many;
      }
    }
    if (!fits) {
      return fail(Code::kConflict,
                  "the ranker's trees read '{}', which there is not, or not so, in this palate; "
                  "train again with `palate train --models ranker`",
                  feature.column);
    }
    out.columns_.push_back(column);
  }
  return out;
}

float TreeColumns::value(const Column& column, const RankingFields::Values& values,
                         std::span<const std::vector<float>> numbers, size_t item) {
  if (column.at == kPosition) return 1;
  const size_t row = column.of_request ? 0 : item;
  switch (column.reading) {
    case TreeReading::kId: {
      const size_t first = column.has_starts ? values.starts[column.at][row] : row;
      return static_cast<float>(values.ids[column.at][first]);
    }
    case TreeReading::kCount: {
      const auto& starts = values.starts[column.at];
      return static_cast<float>(starts[row + 1] - starts[row]);
    }
    case TreeReading::kNumber:
      break;
  }
  const float number = numbers[column.at][row * column.width + column.place];
  return std::isfinite(number) ? number : std::numeric_limits<float>::quiet_NaN();
}

void TreeColumns::read(const RankingFields::Values& values,
                       std::span<const std::vector<float>> numbers, size_t items,
                       std::vector<float>& rows) const {
  rows.resize(items * columns_.size());
  for (size_t c = 0; c < columns_.size(); ++c) {
    for (size_t item = 0; item < items; ++item) {
      rows[item * columns_.size() + c] = value(columns_[c], values, numbers, item);
    }
  }
}

}  // namespace palate
