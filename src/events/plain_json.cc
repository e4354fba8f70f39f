#include "events/plain_json.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <span>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "events/limits.h"

namespace palate {
namespace {

constexpr size_t kContextKeysPlain = 8;

// The first byte from `at` on that cannot stand inside a plain string, or `end`. May read up to 16
// bytes behind the end.
const char* string_end(const char* at, const char* end) {
#ifdef __SSE2__
  const __m128i quote = _mm_set1_epi8('"'), escape = _mm_set1_epi8('\\');
  const __m128i last_control = _mm_set1_epi8(0x1f), del = _mm_set1_epi8(0x7f);
  for (; at < end; at += 16) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, escape));
    const __m128i control =
        _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(v, last_control), v), _mm_cmpeq_epi8(v, del));
    const auto found = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(marks, control)));
    if (found != 0) return std::min(at + std::countr_zero(found), end);
  }
  return end;
#else
  return std::find_if(at, end, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '"' || c == '\\' || byte < 0x20 || byte == 0x7f;
  });
#endif
}

bool take(const char*& at, const char* end, char wanted) {
  if (at == end || *at != wanted) return false;
  ++at;
  return true;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

const char* digits_end(const char* at, const char* end) {
  while (at < end && is_digit(*at)) ++at;
  return at;
}

struct Entry {
  std::string_view key, value;  // the value with its quotes
};

// {"a":"x","b":1}: sorted, distinct keys.
std::string_view write_context(std::span<const Entry> entries, size_t bytes, Arena& arena) {
  char* const out = arena.allocate(bytes);
  char* next = out;
  const auto put = [&](std::string_view text) {
    std::memcpy(next, text.data(), text.size());
    next += text.size();
  };
  put("{");
  for (const Entry& entry : entries) {
    put(next == out + 1 ? "\"" : ",\"");
    put(entry.key);
    put("\":");
    put(entry.value);
  }
  put("}");
  return {out, static_cast<size_t>(next - out)};
}

}  // namespace

PlainEventJson::PlainEventJson() { std::iota(order_.begin(), order_.end(), uint8_t{0}); }

bool PlainEventJson::read_string(Cursor& in, std::string_view& text) {
  if (!take(in.at, in.end, '"')) return false;
  const char* const end = string_end(in.at, in.end);
  if (end == in.end || *end != '"') return false;
  text = {in.at, static_cast<size_t>(end - in.at)};
  in.at = end + 1;
  return true;
}

// As the JSON grammar has it, without an exponent.
bool PlainEventJson::read_number(Cursor& in, std::string_view& text) {
  const char* at = in.at;
  take(at, in.end, '-');
  const char* const whole = at;
  at = digits_end(at, in.end);
  if (at == whole || (*whole == '0' && at - whole > 1)) return false;
  if (take(at, in.end, '.')) {
    const char* const fraction = at;
    at = digits_end(at, in.end);
    if (at == fraction) return false;
  }
  if (at < in.end && (*at == 'e' || *at == 'E')) return false;
  text = {in.at, static_cast<size_t>(at - in.at)};
  in.at = at;
  return true;
}

// Whole numbers are canonical as they stand; of others the shortest form would have to be found.
bool PlainEventJson::read_context(Cursor& in, std::string_view& text, Arena& arena) {
  constexpr size_t kWholeDigitsMax = 15;
  const char* const begin = in.at;
  if (!take(in.at, in.end, '{')) return false;
  std::array<Entry, kContextKeysPlain> entries;
  size_t count = 0;
  bool sorted = true;
  while (!take(in.at, in.end, '}')) {
    if (count == entries.size() || (count > 0 && !take(in.at, in.end, ','))) return false;
    Entry& entry = entries[count];
    if (!read_string(in, entry.key) || !take(in.at, in.end, ':')) return false;
    if (entry.key.empty() || entry.key.size() > kContextKeyBytesMax) return false;
    const char* const value = in.at;
    std::string_view inside;
    if (in.at < in.end && *in.at == '"') {
      if (!read_string(in, inside)) return false;
    } else if (!read_number(in, inside) || inside == "-0" || inside.size() > kWholeDigitsMax ||
               inside.find('.') != std::string_view::npos) {
      return false;
    }
    entry.value = {value, static_cast<size_t>(in.at - value)};
    if (count > 0 && entries[count - 1].key >= entry.key) sorted = false;
    ++count;
  }
  const auto bytes = static_cast<size_t>(in.at - begin);
  if (bytes >= kContextBytesMax) return false;
  if (count == 0) return true;
  text = {begin, bytes};
  if (sorted) return true;
  const std::span<Entry> used(entries.data(), count);
  std::ranges::sort(used, {}, &Entry::key);
  const auto equal = [](const Entry& a, const Entry& b) { return a.key == b.key; };
  if (std::ranges::adjacent_find(used, equal) != used.end()) return false;
  text = write_context(used, bytes, arena);
  return true;
}

int PlainEventJson::read_key(Cursor& in, size_t expected) const {
  const auto matches = [&](size_t field) {
    const std::string_view name = kEventFieldNames[field];
    return static_cast<size_t>(in.end - in.at) > name.size() + 2 && in.at[name.size()] == '"' &&
           std::memcmp(in.at, name.data(), name.size()) == 0;
  };
  if (!take(in.at, in.end, '"')) return -1;
  size_t field = order_[expected];
  if (!matches(field)) {
    field = 0;
    while (field < kEventFieldNames.size() && !matches(field)) ++field;
    if (field == kEventFieldNames.size()) return -1;
  }
  in.at += kEventFieldNames[field].size() + 1;
  return take(in.at, in.end, ':') ? static_cast<int>(field) : -1;
}

bool PlainEventJson::read(std::string_view line, EventTexts& texts, Arena& arena) {
  Cursor in{line.data(), line.data() + line.size()};
  if (!take(in.at, in.end, '{')) return false;
  unsigned seen = 0;
  size_t count = 0;
  while (!take(in.at, in.end, '}')) {
    if (count == kEventFieldNames.size() || (count > 0 && !take(in.at, in.end, ','))) return false;
    const int key = read_key(in, count);
    if (key < 0 || (seen >> key & 1) != 0) return false;
    seen |= 1u << key;
    order_[count++] = static_cast<uint8_t>(key);
    const auto field = static_cast<EventField>(key);
    std::string_view& text = texts[field];
    if (field == EventField::kContext) {
      if (!read_context(in, text, arena)) return false;
    } else if (field == EventField::kValue || field == EventField::kSlot ||
               (field == EventField::kTs && in.at < in.end && *in.at != '"')) {
      if (!read_number(in, text)) return false;
    } else if (!read_string(in, text)) {
      return false;
    }
  }
  texts.clean = true;
  return in.at == in.end;
}

}  // namespace palate
