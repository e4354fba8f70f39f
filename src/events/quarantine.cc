#include "events/quarantine.h"

#include <algorithm>
#include <filesystem>
#include <numeric>

#include <fmt/format.h>
#include <simdjson.h>

#include "events/json_text.h"
#include "events/limits.h"

namespace palate {
namespace {

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

// "2026-01-02T03:04:05Z" as "20260102-030405".
std::string stamp() {
  std::string out;
  for (char c : format_rfc3339(now()).substr(0, 19)) {
    if (c == 'T') out += '-';
    if (c >= '0' && c <= '9') out += c;
  }
  return out;
}

std::string safe_name(std::string_view source) {
  constexpr size_t kNameBytesMax = 80;
  std::string out;
  for (char c : source.substr(0, kNameBytesMax)) {
    const bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '-';
    out += safe ? c : '_';
  }
  return out.empty() ? "source" : out;
}

std::string to_line(const Reject& reject, std::string_view source) {
  const std::string_view bytes = reject.bytes.substr(0, kRejectBytesMax);
  std::string line = "{\"source\":";
  append_json_string(line, is_utf8(source) ? source : "");
  line += ",\"file\":";
  append_json_string(line, is_utf8(reject.file) ? reject.file : "");
  line += fmt::format(",\"line\":{},\"reason\":\"{}\",\"message\":", reject.line,
                      reason_info(reject.reason).code);
  append_json_string(
      line, is_utf8(reject.sentence) ? reject.sentence : reason_info(reject.reason).sentence);
  if (is_utf8(bytes)) {
    line += ",\"bytes\":";
    append_json_string(line, bytes);
  } else {
    line += fmt::format(",\"bytes_base64\":\"{}\"", base64(bytes));
  }
  return line + (bytes.size() < reject.bytes.size() ? ",\"cut\":true}\n" : "}\n");
}

}  // namespace

std::string base64(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    const size_t taken = std::min<size_t>(3, bytes.size() - i);
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < taken ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (size_t digit = 0; digit < 4; ++digit) {
      out += digit <= taken ? kBase64[group >> (18 - 6 * digit) & 63] : '=';
    }
  }
  return out;
}

std::string quarantine_name(std::string_view source) { return stamp() + "-" + safe_name(source); }

Result<std::string> from_base64(std::string_view text) {
  std::string out;
  uint32_t group = 0;
  int bits = 0;
  while (text.ends_with('=')) text.remove_suffix(1);
  for (const char c : text) {
    const size_t digit = kBase64.find(c);
    if (digit == std::string_view::npos) return fail(Code::kCorrupt, "'{}' is no base64", c);
    group = group << 6 | static_cast<uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>(group >> bits & 0xff);
  }
  return out;
}

std::string_view name_of(RecordKind kind) {
  constexpr std::array<std::string_view, 3> kNames = {"events", "items", "users"};
  return kNames[static_cast<size_t>(kind)];
}

Quarantine::Quarantine(QuarantineOptions options) : options_(std::move(options)) {}

// Two runs in one second get different names.
Status Quarantine::open() {
  constexpr int kTriesMax = 1000;
  std::error_code error;
  TRY(make_directories(options_.folder));
  const std::string name = quarantine_name(options_.source);
  for (int i = 0; i < kTriesMax; ++i) {
    Path path = options_.folder / (name + (i == 0 ? "" : fmt::format("-{}", i)) + ".jsonl");
    if (std::filesystem::exists(path, error)) continue;
    writer_ = TRY(FileWriter::create(path));
    path_ = std::move(path);
    return {};
  }
  return fail(Code::kAlreadyExists, "{} has too many files of this second",
              options_.folder.string());
}

void Quarantine::read_as(RecordKind kind, const ColumnMapping& recipe) {
  recipe_ = fmt::format("{{\"recipe\":{{\"kind\":\"{}\",\"mapping\":{}}}}}\n", name_of(kind),
                        to_json(recipe));
}

Status Quarantine::add(const Reject& reject) {
  ++counts_[static_cast<size_t>(reject.reason)];
  if (bytes_ >= options_.bytes_max) return {};
  if (!writer_) TRY(open());
  const std::string line = std::exchange(recipe_, {}) + to_line(reject, options_.source);
  if (bytes_ + line.size() > options_.bytes_max) {
    bytes_ = options_.bytes_max;
    return {};
  }
  bytes_ += line.size();
  pending_ += line;
  constexpr size_t kWriteBytes = 64 * 1024;
  if (pending_.size() < kWriteBytes) return {};
  return writer_->write(std::exchange(pending_, {}));
}

RejectSink Quarantine::sink() {
  return [this](const Reject& reject) { return add(reject); };
}

Status Quarantine::finish() {
  if (!writer_) return {};
  TRY(writer_->write(std::exchange(pending_, {})));
  TRY(writer_->sync());
  return writer_->close();
}

std::vector<Quarantine::Count> Quarantine::counts() const {
  std::vector<Count> result;
  for (size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] > 0) result.push_back({static_cast<Reason>(i), counts_[i]});
  }
  std::ranges::stable_sort(result, std::ranges::greater{}, &Count::rows);
  return result;
}

uint64_t Quarantine::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0});
}

}  // namespace palate
