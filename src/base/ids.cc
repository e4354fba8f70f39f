#include "base/ids.h"

#include <fmt/format.h>

namespace palate {
namespace {
constexpr size_t kPositionsMax = 4096;  // in one text
}

std::string_view stream_name(Stream stream) {
  switch (stream) {
    case Stream::kEvents:
      return "events";
    case Stream::kItems:
      return "items";
    case Stream::kUsers:
      return "users";
    case Stream::kDecisions:
      return "decisions";
  }
  return "unknown";
}

std::string to_string(const Position& position) {
  return fmt::format("{}/{}@{}", stream_name(position.stream), position.partition, position.offset);
}

std::optional<Position> parse_position(std::string_view text) {
  const size_t slash = text.find('/');
  const size_t at = text.find('@');
  if (slash == std::string_view::npos || at == std::string_view::npos || at < slash) return {};
  Position position;
  const std::string_view name = text.substr(0, slash);
  bool known = false;
  for (const Stream stream :
       {Stream::kEvents, Stream::kItems, Stream::kUsers, Stream::kDecisions}) {
    if (stream_name(stream) != name) continue;
    position.stream = stream;
    known = true;
  }
  const auto number = [](std::string_view digits, auto& out) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return error == std::errc{} && end == digits.data() + digits.size();
  };
  if (!known || !number(text.substr(slash + 1, at - slash - 1), position.partition)) return {};
  if (!number(text.substr(at + 1), position.offset)) return {};
  return position;
}

std::string to_string(const AsOf& positions) {
  std::string text;
  for (const Position& position : positions) {
    if (!text.empty()) text += ',';
    text += to_string(position);
  }
  return text;
}

std::optional<AsOf> parse_positions(std::string_view text) {
  AsOf positions;
  for (;;) {
    const size_t comma = text.find(',');
    const auto position = parse_position(text.substr(0, comma));
    if (!position || positions.size() == kPositionsMax) return {};
    positions.push_back(*position);
    if (comma == std::string_view::npos) return positions;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace palate
