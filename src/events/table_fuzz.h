// What the fuzzers of tables do with their bytes: cut at a row's end and read, twice over; the rows
// must agree.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "events/table_rows.h"

namespace palate {

inline void append_rows(std::string_view text, const Dialect& dialect,
                        std::vector<std::string>& rows) {
  Arena arena;
  RowSplitter splitter(text, dialect, arena);
  RowSplitter::Row row;
  while (splitter.next(row)) {
    rows.emplace_back(reason_info(row.reason).code);
    for (std::string_view cell : row.cells) rows.emplace_back(cell);
  }
}

// The first byte says where the window ends.
inline int fuzz_table(const uint8_t* data, size_t size, const Dialect& dialect) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const size_t window = text.size() * data[0] / 256;
  const size_t cut = rows_end(text.substr(0, window), dialect, false);
  std::vector<std::string> whole, parts;
  append_rows(text, dialect, whole);
  append_rows(text.substr(0, cut), dialect, parts);
  append_rows(text.substr(cut), dialect, parts);
  PALATE_CHECK(whole == parts, "a cut changed the rows");
  return 0;
}

}  // namespace palate
