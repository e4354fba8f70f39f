#include "dataset/example_rows.h"

namespace palate {
namespace {

// Row 0 stays what nobody knows, which no name is.
std::string name_of(uint32_t id) { return id == 0 ? std::string() : std::to_string(id); }

bool is_aside(const IdColumn& column) { return column.name.starts_with(kAside); }

// The names of a column's ids, made once.
std::vector<std::string> names_of(const IdColumn& column) {
  std::vector<std::string> names(column.vocabulary);
  for (uint32_t id = 1; id < column.vocabulary; ++id) names[id] = name_of(id);
  return names;
}

}  // namespace

ColumnUses column_uses(const std::vector<Examples>& training) {
  const ExampleSchema& schema = training.front().schema();
  ColumnUses uses(schema.ids.size());
  for (size_t f = 0; f < schema.ids.size(); ++f) {
    if (is_aside(schema.ids[f])) continue;
    std::vector<uint64_t> times(schema.ids[f].vocabulary);
    for (const Examples& shard : training) {
      for (size_t row = 0; row < shard.rows(); ++row) {
        for (const uint32_t id : shard.ids(f, row)) ++times[id];
      }
    }
    for (uint32_t id = 1; id < times.size(); ++id) uses[f][name_of(id)] = {times[id], 0};
  }
  return uses;
}

std::vector<FieldChoices> field_choices(const ExampleSchema& schema, const ColumnUses& uses,
                                        const Admission& admission) {
  std::vector<FieldChoices> choices;
  for (size_t f = 0; f < schema.ids.size(); ++f) {
    if (is_aside(schema.ids[f])) continue;
    const Reads reads = schema.ids[f].bag() ? Reads::kBag : Reads::kOne;
    choices.push_back({schema.ids[f].name, row_choices(uses[f], reads, admission)});
  }
  return choices;
}

ExampleRows::ExampleRows(const ExampleSchema& schema, const ColumnUses& uses,
                         const Admission& admission)
    : schema_(schema) {
  for (size_t f = 0; f < schema.ids.size(); ++f) {
    Column column{.from = f, .rows = NameRows::of_uses(uses[f], admission)};
    IdColumn& to = schema_.ids[f];
    column.aside = is_aside(to);
    if (!column.aside) {
      to.vocabulary = column.rows.rows();
      if (!to.many && column.rows.rare().sums()) to.many = to.sum = true;
    }
    columns_.push_back(std::move(column));
  }
  for (Column& column : columns_) {
    const size_t narrow = column.rows.narrow().size();
    if (narrow == 0) continue;
    IdColumn half = schema.ids[column.from];
    half.name += kNarrowSuffix;
    half.vocabulary = static_cast<uint32_t>(narrow) + 1;
    column.narrow_at = schema_.ids.size();
    schema_.ids.push_back(std::move(half));
  }
}

void ExampleRows::fill(const Column& column, const Examples& examples, ExampleColumns& out) const {
  const IdColumn& from = examples.schema().ids[column.from];
  const IdColumn& to = schema_.ids[column.from];
  ExampleColumns::Ids& wide = out.ids[column.from];
  ExampleColumns::Ids* narrow = column.narrow_at > 0 ? &out.ids[column.narrow_at] : nullptr;
  if (to.many) wide.start.push_back(0);
  if (narrow != nullptr && from.many) narrow->start.push_back(0);
  const std::vector<std::string> names = column.aside ? std::vector<std::string>{} : names_of(from);
  for (size_t row = 0; row < examples.rows(); ++row) {
    for (const uint32_t id : examples.ids(column.from, row)) {
      if (column.aside) {
        wide.values.push_back(id);
        continue;
      }
      if (from.many) {
        wide.values.push_back(column.rows.row_of(names[id]));
      } else {
        const IdRows rows = column.rows.rows_of(names[id]);
        wide.values.insert(wide.values.end(), rows.all().begin(), rows.all().end());
      }
      if (narrow != nullptr) narrow->values.push_back(column.rows.narrow_row(names[id]));
    }
    if (to.many) wide.start.push_back(wide.values.size());
    if (narrow != nullptr && from.many) narrow->start.push_back(narrow->values.size());
  }
}

Result<Examples> ExampleRows::again(const Examples& examples) const {
  ExampleColumns out;
  out.ids.resize(schema_.ids.size());
  for (const Column& column : columns_) fill(column, examples, out);
  for (size_t n = 0; n < schema_.numbers.size(); ++n) {
    auto& numbers = out.numbers.emplace_back();
    for (size_t row = 0; row < examples.rows(); ++row) {
      const auto from = examples.numbers(n, row);
      numbers.insert(numbers.end(), from.begin(), from.end());
    }
  }
  for (size_t l = 0; l < schema_.labels.size(); ++l) {
    const auto label = examples.label(l);
    out.labels.emplace_back(label.begin(), label.end());
  }
  for (size_t row = 0; row < examples.rows(); ++row) out.weights.push_back(examples.weight(row));
  return Examples::from_columns(schema_, std::move(out));
}

}  // namespace palate
