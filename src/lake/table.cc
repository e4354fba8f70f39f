#include "lake/table.h"

#include "events/event.h"

namespace palate::lake {

namespace {

template <class Value>
void append_chosen(std::vector<Value>& to, const std::vector<Value>& from,
                   std::span<const uint32_t> chosen) {
  const size_t before = to.size();
  to.resize(before + chosen.size());
  for (size_t i = 0; i < chosen.size(); ++i) to[before + i] = from[chosen[i]];
}

}  // namespace

void Column::append(const Column& from, std::span<const uint32_t> chosen) {
  switch (kind) {
    case ColumnKind::kNumber:
      return append_chosen(numbers, from.numbers, chosen);
    case ColumnKind::kText:
      return append_chosen(texts, from.texts, chosen);
    case ColumnKind::kId:
      return append_chosen(ids, from.ids, chosen);
    default:
      return append_chosen(integers, from.integers, chosen);
  }
}

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
  for (size_t c = 0; c < columns.size(); ++c) columns[c].append(from.columns[c], chosen);
  rows += chosen.size();
}

uint64_t Table::text_bytes(size_t row) const {
  uint64_t bytes = 0;
  for (const Column& column : columns) {
    if (!column.texts.empty()) bytes += column.texts[row].size();
  }
  return bytes;
}

uint64_t Table::text_bytes() const {
  uint64_t bytes = 0;
  for (const Column& column : columns) {
    for (const std::string_view text : column.texts) bytes += text.size();
  }
  return bytes;
}

void Table::clear() {
  for (Column& column : columns) column.clear();
  owners.clear();
  rows = 0;
}

}  // namespace palate::lake
