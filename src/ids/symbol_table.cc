#include "ids/symbol_table.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace palate {
namespace {

constexpr size_t kSampleBytesMax = 64 << 10;
constexpr size_t kSymbolsMax = 255;
constexpr size_t kSymbolBytesMax = 8;
constexpr int kRounds = 5;
constexpr uint32_t kLiteral = 256;  // a byte that was escaped counts as kLiteral + byte
constexpr uint32_t kCounted = 512;
constexpr char kBorder = '\0';  // between two strings of the sample

uint64_t load(std::string_view text) {
  uint64_t word = 0;
  std::memcpy(&word, text.data(), std::min(text.size(), sizeof word));
  return word;
}

uint64_t low_bytes(uint32_t count) { return ~uint64_t{0} >> (64 - 8 * count); }

}  // namespace

SymbolTable SymbolTable::train(std::span<const std::string_view> sample) {
  std::string text;
  for (const std::string_view piece : sample) {
    if (text.size() >= kSampleBytesMax) break;
    text.append(piece.substr(0, kSampleBytesMax - text.size()));
    text.push_back(kBorder);
  }
  SymbolTable table;
  for (int round = 0; round < kRounds; ++round) table.set(table.better(text));
  return table;
}

void SymbolTable::set(std::vector<Symbol> symbols) {
  symbols_ = std::move(symbols);
  for (auto& codes : by_first_) codes.clear();
  for (size_t code = 0; code < symbols_.size(); ++code) {
    by_first_[symbols_[code].word & 0xff].push_back(static_cast<uint8_t>(code));
  }
  for (auto& codes : by_first_) {
    std::stable_sort(codes.begin(), codes.end(),
                     [&](uint8_t a, uint8_t b) { return symbols_[a].size > symbols_[b].size; });
  }
}

uint8_t SymbolTable::longest(std::string_view text) const {
  const uint64_t word = load(text);
  for (const uint8_t code : by_first_[word & 0xff]) {
    const Symbol& symbol = symbols_[code];
    if (symbol.size <= text.size() && (word & low_bytes(symbol.size)) == symbol.word) return code;
  }
  return kEscape;
}

// The symbols that would have saved most of the sample: those that this table used, and pairs of
// them that stood side by side.
std::vector<SymbolTable::Symbol> SymbolTable::better(std::string_view sample) const {
  std::vector<uint32_t> single(kCounted), pairs(size_t{kCounted} * kCounted);
  const auto symbol_of = [&](uint32_t counted) {
    return counted < kLiteral ? symbols_[counted] : Symbol{counted - kLiteral, 1};
  };
  std::optional<uint32_t> before;
  while (!sample.empty()) {
    if (sample.front() == kBorder) {
      sample.remove_prefix(1);
      before.reset();
      continue;
    }
    const uint8_t code = longest(sample);
    const uint32_t counted =
        code == kEscape ? kLiteral + static_cast<uint8_t>(sample.front()) : code;
    ++single[counted];
    if (before) ++pairs[*before * kCounted + counted];
    before = counted;
    sample.remove_prefix(symbol_of(counted).size);
  }
  struct Candidate {
    Symbol symbol;
    uint64_t gain;
  };
  std::vector<Candidate> candidates;
  for (uint32_t a = 0; a < kCounted; ++a) {
    if (single[a] == 0) continue;
    const Symbol first = symbol_of(a);
    candidates.push_back({first, uint64_t{single[a]} * first.size});
    for (uint32_t b = 0; b < kCounted; ++b) {
      if (pairs[a * kCounted + b] == 0) continue;
      const Symbol second = symbol_of(b);
      const uint32_t size = first.size + second.size;
      if (size > kSymbolBytesMax) continue;
      candidates.push_back({{first.word | second.word << (8 * first.size), size},
                            uint64_t{pairs[a * kCounted + b]} * size});
    }
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.symbol < b.symbol; });
  std::vector<Candidate> merged;
  for (const Candidate& candidate : candidates) {
    const bool same = !merged.empty() && merged.back().symbol == candidate.symbol;
    if (same) merged.back().gain += candidate.gain;
    if (!same) merged.push_back(candidate);
  }
  std::stable_sort(merged.begin(), merged.end(),
                   [](const Candidate& a, const Candidate& b) { return a.gain > b.gain; });
  std::vector<Symbol> best;
  for (size_t i = 0; i < std::min(merged.size(), kSymbolsMax); ++i) {
    best.push_back(merged[i].symbol);
  }
  return best;
}

std::string SymbolTable::bytes() const {
  std::string out(1, static_cast<char>(symbols_.size()));
  for (const Symbol& symbol : symbols_) {
    out.push_back(static_cast<char>(symbol.size));
    out.append(reinterpret_cast<const char*>(&symbol.word), symbol.size);
  }
  return out;
}

Result<SymbolTable> SymbolTable::parse(std::string_view bytes) {
  const auto damaged = [] { return fail(Code::kCorrupt, "the table of symbols is damaged"); };
  if (bytes.empty()) return damaged();
  std::vector<Symbol> symbols(static_cast<uint8_t>(bytes.front()));
  bytes.remove_prefix(1);
  for (Symbol& symbol : symbols) {
    if (bytes.empty()) return damaged();
    symbol.size = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    if (symbol.size == 0 || symbol.size > kSymbolBytesMax || symbol.size > bytes.size()) {
      return damaged();
    }
    symbol.word = load(bytes.substr(0, symbol.size));
    bytes.remove_prefix(symbol.size);
  }
  if (!bytes.empty()) return damaged();
  SymbolTable table;
  table.set(std::move(symbols));
  return table;
}

void SymbolTable::encode(std::string_view text, std::string& out) const {
  while (!text.empty()) {
    const uint8_t code = longest(text);
    out.push_back(static_cast<char>(code));
    if (code == kEscape) out.push_back(text.front());
    text.remove_prefix(code == kEscape ? 1 : symbols_[code].size);
  }
}

bool SymbolTable::decode(std::string_view coded, size_t bytes_max, std::string& out) const {
  const size_t end_max = out.size() + bytes_max;
  for (size_t i = 0; i < coded.size(); ++i) {
    const auto code = static_cast<uint8_t>(coded[i]);
    if (code == kEscape) {
      if (++i == coded.size() || out.size() == end_max) return false;
      out.push_back(coded[i]);
      continue;
    }
    if (code >= symbols_.size() || out.size() + symbols_[code].size > end_max) return false;
    out.append(reinterpret_cast<const char*>(&symbols_[code].word), symbols_[code].size);
  }
  return true;
}

}  // namespace palate
