// Fits a network to the columns of examples.
#include <algorithm>

#include "learn/trainer_state.h"

namespace palate {
namespace {

template <class Column>
Result<size_t> place_of(const std::vector<Column>& columns, std::string_view name,
                        std::string_view what) {
  const auto found = std::ranges::find(columns, name, &Column::name);
  if (found == columns.end()) {
    return fail(Code::kInvalidArgument, "the network reads {} '{}', which the examples lack", what,
                name);
  }
  return static_cast<size_t>(found - columns.begin());
}

Status bind_groups(Trainer::State& s, const ExampleSchema& schema) {
  const GroupPenalty& groups = s.options.groups;
  if (groups.column.empty() && groups.weight == 0) return {};
  s.group_column = TRY(place_of(schema.ids, groups.column, "groups of"));
  if (!schema.ids[s.group_column].many) return {};
  return fail(Code::kInvalidArgument, "groups are of one id: the column '{}' has many",
              groups.column);
}

Status bind(Trainer::State& s, const ExampleSchema& schema) {
  const NetworkSpec& spec = s.network.spec();
  for (size_t f = 0; f < spec.sparse.size(); ++f) {
    const SparseField& field = spec.sparse[f];
    const size_t column = TRY(place_of(schema.ids, column_of(field.name), "ids of"));
    if (schema.ids[column].vocabulary > field.rows ||
        schema.ids[column].many != (field.pooling != Pooling::kOne)) {
      return fail(Code::kInvalidArgument,
                  "field '{}' has {} rows and {} pooling: its column has ids up to {}, {} a row",
                  field.name, field.rows, field.pooling == Pooling::kOne ? "no" : "a",
                  schema.ids[column].vocabulary, schema.ids[column].many ? "many" : "one");
    }
    s.id_column.push_back(column);
    s.tables.emplace_back(field, s.options.table, s.options.seed + 1 + f);
  }
  for (const DenseField& field : spec.dense) {
    const size_t column = TRY(place_of(schema.numbers, field.name, "numbers of"));
    if (schema.numbers[column].width != field.width) {
      return fail(Code::kInvalidArgument, "field '{}' is {} wide, its column {}", field.name,
                  field.width, schema.numbers[column].width);
    }
    s.number_column.push_back(column);
    s.scales.push_back({at::zeros({field.width}), at::ones({field.width})});
  }
  for (const Output& output : spec.outputs) {
    const auto label = std::ranges::find(schema.labels, output.name);
    if (label == schema.labels.end()) {
      return fail(Code::kInvalidArgument,
                  "the network predicts '{}', which the examples have no label of", output.name);
    }
    s.label_column.push_back(static_cast<size_t>(label - schema.labels.begin()));
  }
  s.label_scales.resize(spec.outputs.size());
  return bind_groups(s, schema);
}

}  // namespace

Result<Trainer> Trainer::create(TrainableNetwork plan, const ExampleSchema& schema,
                                TrainerOptions options, ThreadPool& pool) {
  TRY(plan.spec.check());
  if (options.tasks.size() != plan.spec.outputs.size()) {
    return fail(Code::kInvalidArgument, "{} tasks for {} outputs", options.tasks.size(),
                plan.spec.outputs.size());
  }
  for (size_t i = 0; i < options.tasks.size(); ++i) {
    const Output& output = plan.spec.outputs[i];
    if (plan.spec.ops[output.value].width != 1) {
      return fail(Code::kInvalidArgument, "output '{}' is a vector, which no label is",
                  output.name);
    }
    if ((options.tasks[i].loss == Loss::kOrdinal) == (output.link == Link::kOrdinal)) continue;
    return fail(Code::kInvalidArgument, "output '{}' is ordinal and its task is not, or it is not",
                output.name);
  }
  plan.uncertainty = options.balance == Balance::kUncertainty;
  auto state = std::make_unique<State>(std::move(plan), std::move(options), pool);
  state->network.use_bf16(state->options.bf16);
  TRY(bind(*state, schema));
  const at::Tensor& flat = state->network.parameters().flat();
  state->first = at::zeros_like(flat);
  state->second = at::zeros_like(flat);
  if (state->options.table.average > 0) {
    state->average = flat.clone();
    state->average_statistics = state->network.statistics().clone();
  }
  return Trainer(std::move(state));
}

}  // namespace palate
