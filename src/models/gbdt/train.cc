#include "models/gbdt/train.h"

#include <algorithm>
#include <cmath>

#include "models/gbdt/train_rows.h"

namespace palate {
namespace {

constexpr float kGainMax = 30;          // LightGBM's default label_gain has 31 of them
constexpr uint32_t kIdsMax = 1U << 24;  // a float holds each

struct Shape {
  size_t label = 0;
  bool orders = false;
  size_t group = 0;  // where it orders
  std::vector<TreeFeature> features;
};

Result<Shape> shape_of(const TreesConfig& config, const ExampleSchema& schema) {
  Shape shape{.label = 0,
              .orders = config.objective == "lambdarank",
              .group = 0,
              .features = tree_features(schema, config.group)};
  const auto label = std::ranges::find(schema.labels, config.label);
  if (config.label.empty() && schema.labels.size() != 1) {
    return fail(Code::kInvalidArgument, "the examples have {} labels: say which (trees.label)",
                schema.labels.size());
  }
  if (!config.label.empty() && label == schema.labels.end()) {
    return fail(Code::kInvalidArgument, "the examples have no label '{}'", config.label);
  }
  if (!config.label.empty()) shape.label = static_cast<size_t>(label - schema.labels.begin());
  if (shape.orders && config.group.empty()) {
    return fail(Code::kInvalidArgument,
                "lambdarank orders within groups: name the column of ids "
                "that tells them apart (trees.group)");
  }
  if (!config.group.empty()) shape.group = TRY(group_column(schema, config.group));
  if (shape.features.empty()) {
    return fail(Code::kInvalidArgument, "there is no column to read features from");
  }
  for (const IdColumn& column : schema.ids) {
    if (column.many || column.name == config.group || column.vocabulary <= kIdsMax) continue;
    return fail(Code::kInvalidArgument, "'{}' has {} ids, at most {} can be categories of trees",
                column.name, column.vocabulary, kIdsMax);
  }
  return shape;
}

// A row of one of several examples, and its group.
struct Place {
  uint32_t group = 0;
  uint32_t part = 0;
  uint64_t row = 0;
};

// Rows whose label is known; of a group side by side where groups count.
std::vector<Place> places_of(std::span<const Examples> parts, const Shape& shape) {
  std::vector<Place> places;
  for (uint32_t part = 0; part < parts.size(); ++part) {
    const auto labels = parts[part].label(shape.label);
    for (size_t row = 0; row < labels.size(); ++row) {
      if (!std::isfinite(labels[row])) continue;
      places.push_back({shape.orders ? parts[part].ids(shape.group, row)[0] : 0, part, row});
    }
  }
  if (shape.orders) std::ranges::stable_sort(places, {}, &Place::group);
  return places;
}

Result<TreeTable> table_of(std::span<const Examples> parts, const Shape& shape) {
  const std::vector<Place> places = places_of(parts, shape);
  if (places.empty() || places.size() > INT32_MAX) {
    return fail(Code::kInvalidArgument, "{} rows with a label: 1 to {} can be learned from",
                places.size(), INT32_MAX);
  }
  std::vector<TreeRows> rows;
  for (const Examples& part : parts) rows.push_back(TRY(TreeRows::of(part, shape.features)));
  TreeTable table;
  table.rows = places.size();
  table.width = shape.features.size();
  table.values.reserve(table.rows * table.width);
  for (size_t i = 0; i < places.size(); ++i) {
    const Place& at = places[i];
    rows[at.part].append(at.row, table.values);
    const float label = parts[at.part].label(shape.label)[at.row];
    if (shape.orders && (label < 0 || label > kGainMax || label != std::floor(label))) {
      return fail(Code::kInvalidArgument, "lambdarank takes labels 0, 1, … {}, not {}", kGainMax,
                  label);
    }
    table.labels.push_back(shape.orders ? label : label > 0.5F ? 1.0F : 0.0F);
    table.weights.push_back(parts[at.part].weight(at.row));
    if (!shape.orders) continue;
    if (at.group == 0) {
      return fail(Code::kInvalidArgument,
                  "row {} has the id 0 for its group, which is what nobody knows: groups need ids "
                  "of their own in all examples",
                  at.row);
    }
    if (i == 0 || places[i - 1].group != at.group) table.groups.push_back(0);
    ++table.groups.back();
  }
  return table;
}

// The rounds until none is better for a while.
Result<TreesRound> run_rounds(const LightGbm& library, LightGbm::Model& model,
                              const TreesConfig& config,
                              const std::function<void(const TreesRound&)>& listener) {
  const bool more_is_better = config.objective == "lambdarank";
  TreesRound best;
  for (int round = 0; round < config.rounds && round - best.round <= config.patience; ++round) {
    const bool grown = TRY(library.update(model));
    const TreesRound now{round, TRY(library.held_out(model))};
    if (listener) listener(now);
    const bool better =
        more_is_better ? now.held_out > best.held_out : now.held_out < best.held_out;
    if (round == 0 || better) best = now;
    if (!grown) break;
  }
  return best;
}

}  // namespace

Result<TrainedTrees> train_trees(const LightGbm& library, const TreesConfig& config,
                                 const TreesData& data,
                                 const std::function<void(const TreesRound&)>& listener) {
  const Shape shape = TRY(shape_of(config, data.held_out.schema()));
  std::vector<size_t> categories;
  for (size_t f = 0; f < shape.features.size(); ++f) {
    if (shape.features[f].reading == TreeReading::kId) categories.push_back(f);
  }
  const std::string parameters = config.parameters();
  const auto load =
      [&](std::span<const Examples> parts,
          const LightGbm::Data* like) -> Result<std::shared_ptr<const LightGbm::Data>> {
    return library.data(TRY(table_of(parts, shape)), parameters, categories, like);
  };
  const auto train_data = TRY(load(data.training, nullptr));
  const auto watched = TRY(load({&data.held_out, 1}, train_data.get()));
  const auto model = TRY(library.model(*train_data, *watched, parameters));
  const TreesRound best = TRY(run_rounds(library, *model, config, listener));
  TrainedTrees out;
  out.text = TRY(library.text(*model, best.round + 1));
  out.best_round = best.round;
  out.held_out = best.held_out;
  out.model.label = data.held_out.schema().labels[shape.label];
  out.model.group = config.group;
  out.model.features = shape.features;
  out.model.trees = TRY(Trees::from_text(out.text));
  return out;
}

}  // namespace palate
