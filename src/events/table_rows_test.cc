#include "events/table_rows.h"

#include <random>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace palate {
namespace {

using Table = std::vector<std::vector<std::string>>;

Table split(std::string_view text, const Dialect& dialect, Table* refused = nullptr) {
  Arena arena;
  RowSplitter splitter(text, dialect, arena);
  RowSplitter::Row row;
  Table table;
  while (splitter.next(row)) {
    if (row.reason == Reason::kNone) {
      table.emplace_back(row.cells.begin(), row.cells.end());
    } else if (refused != nullptr) {
      refused->push_back({std::string(row.text)});
    }
  }
  return table;
}

std::string written(const Table& table, std::string_view line_end) {
  std::string text;
  for (const auto& row : table) {
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) text += ',';
      const bool quote = row[i].find_first_of(",\"\r\n") != std::string::npos ||
                         (row.size() == 1 && row[i].empty());
      if (!quote) {
        text += row[i];
        continue;
      }
      text += '"';
      for (char c : row[i]) text += c == '"' ? "\"\"" : std::string(1, c);
      text += '"';
    }
    text += line_end;
  }
  return text;
}

rc::Gen<Table> tables() {
  const auto letters = rc::gen::element('a', 'b', ',', '"', '\n', '\r', ' ', ';', ':');
  const auto cell = rc::gen::container<std::string>(letters);
  return rc::gen::container<Table>(
      rc::gen::resize(6, rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(cell))));
}

RC_GTEST_PROP(TableRows, WhatWasWrittenIsRead, ()) {
  const Table table = *tables();
  const bool crlf = *rc::gen::arbitrary<bool>();
  RC_ASSERT(split(written(table, crlf ? "\r\n" : "\n"), {}) == table);
}

// Cutting at the ends that rows_end() names gives the rows of the whole, wherever the window ends,
// for any bytes at all.
RC_GTEST_PROP(TableRows, CutsAnywhereGiveTheSameRows, ()) {
  const auto letters = rc::gen::element('a', ',', '"', '\n', '\r', '\0');
  const std::string text = *rc::gen::container<std::string>(letters);
  Table whole_refused, parts_refused;
  const Table whole = split(text, {}, &whole_refused);
  Table parts;
  std::mt19937 windows(*rc::gen::arbitrary<uint32_t>());
  std::string_view rest = text;
  while (!rest.empty()) {
    // A window in which no row ends grows, as the readers' windows do.
    size_t window = 1 + windows() % rest.size(), size = 0;
    for (; size == 0; ++window) {
      size = rows_end(rest.substr(0, window), {}, window >= rest.size());
    }
    for (auto& row : split(rest.substr(0, size), {}, &parts_refused)) parts.push_back(row);
    rest.remove_prefix(size);
  }
  RC_ASSERT(parts == whole);
  RC_ASSERT(parts_refused == whole_refused);
}

RC_GTEST_PROP(TableRows, VectorMarksEqualPlainOnes, ()) {
  const auto bytes = *rc::gen::container<std::string>(
      65, rc::gen::oneOf(rc::gen::arbitrary<char>(),
                         rc::gen::element(',', '"', '\n', '\r', '\t', '\x7f')));
  const Dialect dialect{*rc::gen::element(',', '\t', ':'), false, *rc::gen::arbitrary<bool>()};
  const BlockMarks fast = block_marks(bytes.data(), dialect);
  const BlockMarks plain = block_marks_plain(bytes.data(), dialect);
  RC_ASSERT(fast.marks == plain.marks);
  RC_ASSERT(fast.odd == plain.odd);
}

TEST(TableRows, DoubledDelimiter) {
  const Table expected = {{"1", "A: B", "x|y"}, {"", ":c"}};
  EXPECT_EQ(split("1::A: B::x|y\n:::c", {':', true, false}), expected);
}

TEST(TableRows, QuotesThatAreNone) {
  const Table expected = {{"5\" pipe", "x"}, {"a\"b", "c d"}};
  EXPECT_EQ(split("5\" pipe,x\na\"b,\"c\" d\n", {}), expected);
}

TEST(TableRows, TooManyColumns) {
  Table refused;
  EXPECT_EQ(split(std::string(kColumnsMax, ',') + "\na\n", {}, &refused), (Table{{"a"}}));
  EXPECT_EQ(refused.size(), 1u);
}

}  // namespace
}  // namespace palate
