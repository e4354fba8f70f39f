#include "cli/print.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "events/validate.h"

namespace palate {
namespace {

// Characters of UTF-8 text: what a terminal shows of the titles we print.
size_t width(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

bool numeric(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.,-+%") == std::string_view::npos;
}

std::string padded(std::string_view text, size_t to) {
  const std::string fill(to - std::min(to, width(text)), ' ');
  return numeric(text) ? fill + std::string(text) : std::string(text) + fill;
}

}  // namespace

void print_line(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
}

void print_json(const nlohmann::ordered_json& document) { print_line(document.dump(2)); }

void print_table(const std::vector<std::string>& heads,
                 const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& head : heads) widths.push_back(width(head));
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width(row[c]));
  }
  const auto print_row = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t c = 0; c < cells.size(); ++c)
      line += (c > 0 ? "  " : "") + padded(cells[c], widths[c]);
    line.erase(line.find_last_not_of(' ') + 1);
    print_line(line);
  };
  print_row(heads);
  for (const auto& row : rows) print_row(row);
}

std::string human_count(uint64_t count) {
  std::string digits = std::to_string(count);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string human_bytes(uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string human_seconds(double seconds) {
  if (seconds < 1) return fmt::format("{:.0f} ms", seconds * 1e3);
  return fmt::format("{:.2f} s", seconds);
}

std::string printable(std::string_view bytes) {
  const bool utf8 = check_text(bytes) != Reason::kBadUtf8;
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8)) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace palate
