#include "lake/table.h"

#include "events/event.h"

namespace palate::lake {

void Column::append(const Column& from, size_t row) {
  switch (kind) {
    case ColumnKind::kNumber:
      return numbers.push_back(from.numbers[row]);
    case ColumnKind::kText:
      return texts.push_back(from.texts[row]);
    case ColumnKind::kId:
      return ids.push_back(from.ids[row]);
    default:
      return integers.push_back(from.integers[row]);
  }
}

void Column::append_missing() {
  switch (kind) {
    case ColumnKind::kNumber:
      return numbers.push_back(kNoValue);
    case ColumnKind::kText:
      return texts.push_back({});
    case ColumnKind::kId:
      return ids.push_back({});
    default:
      return integers.push_back(kNoInteger);
  }
}

void Column::reserve(size_t rows) {
  switch (kind) {
    case ColumnKind::kNumber:
      return numbers.reserve(rows);
    case ColumnKind::kText:
      return texts.reserve(rows);
    case ColumnKind::kId:
      return ids.reserve(rows);
    default:
      return integers.reserve(rows);
  }
}

void Column::clear() {
  integers.clear();
  numbers.clear();
  texts.clear();
  ids.clear();
}

Table::Table(std::span<const ColumnSpec> specs) : columns(specs.size()) {
  for (size_t i = 0; i < specs.size(); ++i) columns[i].kind = specs[i].kind;
}

void Table::append(const Table& from, std::span<const uint32_t> chosen) {
  for (size_t c = 0; c < columns.size(); ++c) {
    for (const uint32_t row : chosen) columns[c].append(from.columns[c], row);
  }
  rows += chosen.size();
}

void Table::clear() {
  for (Column& column : columns) column.clear();
  owners.clear();
  rows = 0;
}

}  // namespace palate::lake
