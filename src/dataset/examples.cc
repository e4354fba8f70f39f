#include "dataset/examples.h"

#include <algorithm>
#include <cmath>

#include "dataset/examples_state.h"

namespace palate {
namespace {

Status check_ids(const IdColumn& column, const Examples::State::Ids& ids, size_t rows, Code code) {
  const auto wrong = [&](std::string what) {
    return fail(code, "ids of {}: {}", column.name, what);
  };
  if (column.many) {
    if (ids.start.size() != rows + 1 || ids.start.front() != 0 ||
        ids.start.back() != ids.values.size() || !std::ranges::is_sorted(ids.start)) {
      return wrong("where each row starts is not a rising list of rows + 1 places");
    }
    if (column.sum && std::ranges::adjacent_find(ids.start) != ids.start.end()) {
      return wrong("a row without any, where they are the rows of one id");
    }
  } else if (column.sum || ids.values.size() != rows || !ids.start.empty()) {
    return wrong(fmt::format("{} for {} rows", ids.values.size(), rows));
  }
  const auto outside =
      std::ranges::find_if(ids.values, [&](uint32_t id) { return id >= column.vocabulary; });
  if (outside != ids.values.end()) {
    return wrong(fmt::format("{} is outside of a vocabulary of {}", *outside, column.vocabulary));
  }
  return {};
}

}  // namespace

Status Examples::State::check(Code code) const {
  for (size_t i = 0; i < ids.size(); ++i) TRY(check_ids(schema.ids[i], ids[i], rows, code));
  for (size_t i = 0; i < numbers.size(); ++i) {
    const NumberColumn& column = schema.numbers[i];
    if (column.width == 0 || numbers[i].size() != rows * column.width) {
      return fail(code, "numbers of {}: {} for {} rows of {}", column.name, numbers[i].size(), rows,
                  column.width);
    }
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i].size() != rows) {
      return fail(code, "label {}: {} for {} rows", schema.labels[i], labels[i].size(), rows);
    }
  }
  const bool fits = weights.empty() || weights.size() == rows;
  if (!fits || !std::ranges::all_of(weights, [](float w) { return std::isfinite(w) && w >= 0; })) {
    return fail(code, "weights: {} for {} rows, or one is negative or not finite", weights.size(),
                rows);
  }
  return {};
}

Result<Examples> Examples::from_columns(ExampleSchema schema, ExampleColumns columns) {
  if (columns.ids.size() != schema.ids.size() || columns.numbers.size() != schema.numbers.size() ||
      columns.labels.size() != schema.labels.size() || schema.labels.empty()) {
    return fail(Code::kInvalidArgument,
                "examples have other columns than their schema, or no label");
  }
  auto owned = std::make_shared<const ExampleColumns>(std::move(columns));
  auto state = std::make_shared<State>();
  state->schema = std::move(schema);
  state->rows = owned->labels.front().size();
  for (const auto& ids : owned->ids) state->ids.push_back({ids.values, ids.start});
  for (const auto& numbers : owned->numbers) state->numbers.emplace_back(numbers);
  for (const auto& label : owned->labels) state->labels.emplace_back(label);
  state->weights = owned->weights;
  state->owner = owned;
  TRY(state->check(Code::kInvalidArgument));
  return Examples(std::move(state));
}

const ExampleSchema& Examples::schema() const { return state_->schema; }
size_t Examples::rows() const { return state_->rows; }
std::span<const uint32_t> Examples::ids(size_t column, size_t row) const {
  const State::Ids& ids = state_->ids[column];
  if (ids.start.empty()) return ids.values.subspan(row, 1);
  return ids.values.subspan(ids.start[row], ids.start[row + 1] - ids.start[row]);
}
std::span<const float> Examples::numbers(size_t column, size_t row) const {
  const size_t width = state_->schema.numbers[column].width;
  return state_->numbers[column].subspan(row * width, width);
}
std::span<const float> Examples::label(size_t label) const { return state_->labels[label]; }
float Examples::weight(size_t row) const {
  return state_->weights.empty() ? 1.0F : state_->weights[row];
}

}  // namespace palate
