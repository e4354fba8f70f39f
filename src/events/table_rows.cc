#include "events/table_rows.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace palate {
namespace {

constexpr size_t kNowhere = std::string_view::npos;

// The closing quote of the cell that opens at `open`, looked for before `limit`.
size_t closing_quote(std::string_view text, size_t open, size_t limit) {
  size_t at = open + 1;
  while (true) {
    at = text.find('"', at);
    if (at == kNowhere || at >= limit) return kNowhere;
    if (at + 1 >= text.size() || text[at + 1] != '"') return at;
    at += 2;
  }
}

bool opens_cell(std::string_view text, size_t quote, size_t row_start, const Dialect& dialect) {
  return quote == row_start || text[quote - 1] == dialect.delimiter || text[quote - 1] == '\n';
}

}  // namespace

size_t rows_end(std::string_view text, const Dialect& dialect, bool all) {
  const auto last_feed_before = [&](size_t from, size_t to) {
    const size_t feed = text.substr(from, to - from).rfind('\n');
    return feed == kNowhere ? kNowhere : from + feed + 1;
  };
  if (all) return text.size();
  size_t end = 0, at = 0;
  while (dialect.quotes) {
    const size_t quote = text.find('"', at);
    if (quote == kNowhere) break;
    if (const size_t before = last_feed_before(at, quote); before != kNowhere) end = before;
    at = quote + 1;
    if (!opens_cell(text, quote, end, dialect)) continue;
    const size_t limit = end + kLineBytesMax;
    const size_t close = closing_quote(text, quote, limit);
    if (close != kNowhere && close + 1 < text.size()) {
      at = close + 1;
      continue;
    }
    if (text.size() <= limit) return end;  // more bytes may close it
    const size_t feed = text.find('\n', end);
    if (feed == kNowhere) return end;
    at = end = feed + 1;
  }
  const size_t last = last_feed_before(at, text.size());
  return last == kNowhere ? end : last;
}

RowSplitter::RowSplitter(std::string_view text, const Dialect& dialect, Arena& arena)
    : text_(text), dialect_(dialect), arena_(arena), cells_(64) {
  if (!text_.empty()) load(0);
}

void RowSplitter::load(size_t base) {
  constexpr size_t kBlock = 64;
  base_ = base;
  BlockMarks found;
  if (base + kBlock < text_.size()) {
    found = block_marks(text_.data() + base, dialect_);
  } else {
    std::array<char, kBlock + 1> rest;
    rest.fill('\n');
    const size_t left = std::min(kBlock, text_.size() - base);
    std::memcpy(rest.data(), text_.data() + base, left);
    found = block_marks(rest.data(), dialect_);
    if (left < kBlock) found.marks &= (uint64_t{1} << left) - 1;
  }
  mask_ = found.marks;
  odd_ |= found.odd != 0;
}

size_t RowSplitter::next_mark() {
  while (mask_ == 0) {
    if (base_ + 64 >= text_.size()) return text_.size();
    load(base_ + 64);
  }
  const size_t mark = base_ + static_cast<size_t>(std::countr_zero(mask_));
  mask_ &= mask_ - 1;
  return mark;
}

void RowSplitter::seek(size_t position) {
  if (position >= text_.size()) {
    mask_ = 0;
    base_ = text_.size();
    return;
  }
  const size_t base = position / 64 * 64;
  while (base_ < base) load(base_ + 64);  // every block is looked at, for odd characters
  load(base);
  mask_ &= ~uint64_t{0} << (position - base);
}

bool RowSplitter::add_cell(std::string_view cell) {
  if (count_ >= kColumnsMax) return false;
  if (count_ == cells_.size()) cells_.resize(2 * count_);
  cells_[count_++] = cell;
  return true;
}

bool RowSplitter::next(Row& row) {
  while (at_ < text_.size() && (text_[at_] == '\n' || text_[at_] == '\r')) {
    if (text_[at_] == '\r' && (at_ + 1 == text_.size() || text_[at_ + 1] != '\n')) break;
    line_ += text_[at_] == '\n' ? 1 : 0;
    ++at_;
    seek(at_);
  }
  if (at_ >= text_.size()) return false;
  row.line = line_;
  row.reason = Reason::kNone;
  count_ = 0;
  quoted_ = false;
  split_plain(row);
  row.clean = !odd_ && !quoted_;
  row.cells = {cells_.data(), row.reason == Reason::kNone ? count_ : 0};
  return true;
}

void RowSplitter::end_row(Row& row, size_t end, size_t next) {
  row.text = text_.substr(at_, end - at_);
  if (row.text.ends_with('\r')) row.text.remove_suffix(1);
  if (next - at_ > kLineBytesMax && row.reason == Reason::kNone) row.reason = Reason::kLineTooLong;
  at_ = next;
  ++line_;
}

void RowSplitter::split_plain(Row& row) {
  size_t start = at_;
  while (true) {
    const size_t mark = next_mark();
    const bool at_end = mark >= text_.size();
    if (at_end || text_[mark] == '\n') {
      std::string_view cell = text_.substr(start, std::min(mark, text_.size()) - start);
      if (cell.ends_with('\r')) cell.remove_suffix(1);
      if (!add_cell(cell)) row.reason = Reason::kTooManyColumns;
      return end_row(row, std::min(mark, text_.size()), std::min(mark + 1, text_.size()));
    }
    if (text_[mark] != dialect_.delimiter) {  // a quote
      if (mark == start) return split_quoted(row);
      continue;
    }
    size_t next = mark + 1;
    if (dialect_.doubled) {
      if (next >= text_.size() || text_[next] != dialect_.delimiter) continue;
      next_mark();
      ++next;
    }
    if (!add_cell(text_.substr(start, mark - start))) row.reason = Reason::kTooManyColumns;
    start = next;
  }
}

// The cell whose opening quote is at `at`; moves `at` behind the cell, to its delimiter, line feed
// or the end.
std::string_view RowSplitter::quoted_cell(size_t& at, size_t close) {
  const std::string_view inside = text_.substr(at + 1, close - at - 1);
  size_t end = close + 1;
  while (end < text_.size() && text_[end] != dialect_.delimiter && text_[end] != '\n') ++end;
  std::string_view behind = text_.substr(close + 1, end - close - 1);
  if (behind.ends_with('\r')) behind.remove_suffix(1);
  at = end;
  if (behind.empty() && inside.find('"') == kNowhere) return inside;
  char* const bytes = arena_.allocate(inside.size() + behind.size());
  char* out = bytes;
  for (size_t i = 0; i < inside.size(); ++i) {
    *out++ = inside[i];
    if (inside[i] == '"') ++i;  // the second of a pair
  }
  out = std::ranges::copy(behind, out).out;
  return {bytes, static_cast<size_t>(out - bytes)};
}

// The careful way, from the row's start: taken only for rows with a quoted cell.
void RowSplitter::split_quoted(Row& row) {
  const size_t start = at_;
  const size_t limit = start + kLineBytesMax;
  count_ = 0;
  quoted_ = true;  // its cells may hold line feeds, which block_marks does not count as odd
  size_t at = start;
  while (true) {
    std::string_view cell;
    if (at < text_.size() && text_[at] == '"') {
      const size_t close = closing_quote(text_, at, limit);
      if (close == kNowhere) {
        const size_t feed = std::min(text_.find('\n', start), text_.size());
        row.reason = feed - start > kLineBytesMax ? Reason::kLineTooLong : Reason::kUnclosedQuote;
        end_row(row, feed, std::min(feed + 1, text_.size()));
        return seek(at_);
      }
      line_ += static_cast<uint64_t>(std::ranges::count(text_.substr(at, close - at), '\n'));
      cell = quoted_cell(at, close);
    } else {
      size_t end = at;
      while (end < text_.size() && text_[end] != dialect_.delimiter && text_[end] != '\n') ++end;
      cell = text_.substr(at, end - at);
      at = end;
      if ((at == text_.size() || text_[at] == '\n') && cell.ends_with('\r')) cell.remove_suffix(1);
    }
    if (!add_cell(cell)) row.reason = Reason::kTooManyColumns;
    if (at >= text_.size() || text_[at] == '\n') break;
    ++at;
  }
  end_row(row, std::min(at, text_.size()), std::min(at + 1, text_.size()));
  seek(at_);
}

std::string csv_row(std::span<const std::string_view> cells) {
  std::string row;
  for (const std::string_view cell : cells) {
    if (&cell != cells.data()) row += ',';
    if (cell.find_first_of(",\"\r\n") == std::string_view::npos) {
      row += cell;
      continue;
    }
    row += '"';
    for (const char c : cell) row.append(c == '"' ? 2 : 1, c);
    row += '"';
  }
  return row;
}

}  // namespace palate
