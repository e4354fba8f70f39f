#include "simulate/load/answer.h"

#include <algorithm>
#include <charconv>

namespace palate {
namespace {

bool same(std::string_view a, std::string_view lower) {
  return std::ranges::equal(a, lower, [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + ('a' - 'A')) : x) == y;
  });
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

std::optional<size_t> whole(std::string_view text) {
  size_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::unexpected<Error> wrong(std::string_view what) {
  return fail(Code::kCorrupt, "the server's answer {}", what);
}

bool has_no_body(int status) { return status == 204 || status == 304 || status / 100 == 1; }

}  // namespace

Result<std::optional<AnswerHead>> read_answer_head(std::string_view bytes) {
  constexpr std::string_view kStart = "HTTP/1.1 ";
  const size_t shown = std::min(bytes.size(), kStart.size());
  if (bytes.substr(0, shown) != kStart.substr(0, shown)) return wrong("is not HTTP/1.1");
  const size_t end = bytes.find("\r\n\r\n");
  if (end == bytes.npos) {
    if (bytes.size() > kAnswerHeadBytesMax) return wrong("has a head without end");
    return std::nullopt;
  }
  const auto status = whole(bytes.substr(kStart.size(), 3));
  if (!status || *status < 100 || *status > 599) return wrong("has no status");
  AnswerHead head{.status = static_cast<int>(*status), .bytes = end + 4};
  std::optional<size_t> length;
  size_t at = bytes.find("\r\n") + 2;
  while (at < end + 2) {
    const size_t line_end = bytes.find("\r\n", at);
    const std::string_view line = bytes.substr(at, line_end - at);
    at = line_end + 2;
    const size_t colon = line.find(':');
    if (colon == line.npos) return wrong("has a header without a colon");
    const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
    if (same(name, "content-length")) {
      length = whole(value);
      if (!length || *length > kAnswerBodyBytesMax) return wrong("has no usable Content-Length");
    } else if (same(name, "connection")) {
      head.close = same(value, "close");
    }
  }
  if (!length && !has_no_body(head.status)) return wrong("does not say its length");
  head.body_bytes = has_no_body(head.status) ? 0 : *length;
  return head;
}

}  // namespace palate
