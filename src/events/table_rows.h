// Text cut into rows and cells: CSV (RFC 4180), TSV, "::"-separated. One place says where a row
// ends, so that a file cut into chunks anywhere gives the same rows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/event.h"
#include "events/limits.h"
#include "events/validate.h"

namespace palate {

struct Dialect {
  char delimiter = ',';
  bool doubled = false;  // the delimiter stands twice ("::"); once it is an ordinary character
  bool quotes = true;  // '"' quotes a cell that begins with it; doubled inside it stands for itself
};

// Rules beyond RFC 4180, the same for cutting and for reading: a quoted cell whose end is not
// within kLineBytesMax of the row's start is no quoted cell, and its row ends with its line (and is
// refused); a quote inside an unquoted cell is an ordinary character; what follows a closing quote
// up to the delimiter belongs to the cell.

// The end of the last complete row in `text`, which starts at a row; 0 when none is complete. With
// `all`, `text` is all that is left and its end completes a row.
size_t rows_end(std::string_view text, const Dialect& dialect, bool all);

// A row of CSV that reads back to these cells.
std::string csv_row(std::span<const std::string_view> cells);

// Goes through the rows of a text that ends at a row's end. Not thread-safe.
class RowSplitter {
 public:
  // Unescaped cells are written to `arena`; `text` must outlive the views.
  RowSplitter(std::string_view text, const Dialect& dialect, Arena& arena);

  struct Row {
    std::span<const std::string_view> cells;  // valid until the next call
    std::string_view text;                    // without its line end
    uint64_t line = 0;                        // of its start, from 0 within the text
    Reason reason = Reason::kNone;            // else: why it has no cells
    bool clean = false;  // no control character in it, and the caller says that the text is UTF-8
  };
  // False at the end. Empty lines are passed over.
  bool next(Row& row);
  [[nodiscard]] uint64_t lines() const { return line_; }  // passed so far

 private:
  void load(size_t base);
  size_t next_mark();
  bool add_cell(std::string_view cell);
  void split_plain(Row& row);
  void split_quoted(Row& row);
  void end_row(Row& row, size_t end, size_t next);
  void seek(size_t position);
  std::string_view quoted_cell(size_t& at, size_t close);

  std::string_view text_;
  Dialect dialect_;
  Arena& arena_;
  size_t at_ = 0;      // start of the next row
  size_t base_ = 0;    // of the block whose marks are in mask_
  uint64_t mask_ = 0;  // delimiters, line feeds and quotes not passed yet
  uint64_t line_ = 0;
  bool odd_ = false;     // a control character was seen
  bool quoted_ = false;  // the row has a quoted cell
  std::vector<std::string_view> cells_;
  size_t count_ = 0;
};

// Bit i: byte i of the 64 at `bytes` is a delimiter, line feed or quote (`marks`), or a control
// character that no row should hold (`odd`; a carriage return is odd unless a line feed follows,
// for which byte 64 must be readable).
struct BlockMarks {
  uint64_t marks = 0;
  uint64_t odd = 0;
};
BlockMarks block_marks(const char* bytes, const Dialect& dialect);
// The same, byte by byte: the oracle of the vector form.
BlockMarks block_marks_plain(const char* bytes, const Dialect& dialect);

}  // namespace palate
