#include "events/text_column.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>

#include "base/hash.h"
#include "events/packed_integers.h"

namespace palate {
namespace {

enum class Form : uint8_t { kConstant, kNumbers, kDictionary, kText };

constexpr size_t kPrefixBytesMax = 64;
constexpr size_t kDigitsMax = 18;
constexpr int64_t kNumberEnd = 1'000'000'000'000'000'000;  // 10^kDigitsMax
// Numbers packed in fewer bits a row than this are left as they are: a dictionary could not win
// much, and building one is most of the time of encoding.
constexpr size_t kNumberBitsMax = 20;
// Building a dictionary is given up when, after so many rows, most were new.
constexpr size_t kTrialRows = 1024;

void put_form(Form form, std::string& out) { out.push_back(static_cast<char>(form)); }

// ---- numbers -------------------------------------------------------------------------------

std::string_view prefix_of(std::string_view text) {
  size_t size = 0;
  while (size < text.size() && (text[size] < '0' || text[size] > '9')) ++size;
  return text.substr(0, size);
}

// 0 for an empty string, else the number after the prefix plus one; -1 for what has not that form.
int64_t number_after(std::string_view prefix, std::string_view text) {
  if (text.empty()) return 0;
  if (!prefix.empty()) {  // often there is none: no call for nothing
    if (!text.starts_with(prefix)) return -1;
    text.remove_prefix(prefix.size());
  }
  if (text.empty() || text.size() > kDigitsMax || (text[0] == '0' && text.size() > 1)) return -1;
  int64_t number = 0;
  for (char digit : text) {
    const unsigned value = static_cast<unsigned char>(digit) - unsigned{'0'};
    if (value > 9) return -1;
    number = number * 10 + static_cast<int64_t>(value);
  }
  return number + 1;
}

// False when not every string has the form.
bool parse_numbers(std::span<const std::string_view> column, std::string_view prefix,
                   std::vector<int64_t>& numbers) {
  numbers.resize(column.size());
  for (size_t i = 0; i < column.size(); ++i) {
    numbers[i] = number_after(prefix, column[i]);
    if (numbers[i] < 0) return false;
  }
  return true;
}

// The prefix; `numbers` are between 0 and kNumberEnd.
std::string_view take_numbers(ByteSource& in, std::span<int64_t> numbers) {
  const std::string_view prefix = in.text();
  if (prefix.size() > kPrefixBytesMax) in.fail();
  unpack_integers(in, numbers);
  if (in.failed()) return {};
  const auto [low, high] = std::minmax_element(numbers.begin(), numbers.end());
  if (*low < 0 || *high > kNumberEnd) in.fail();
  return prefix;
}

void decode_numbers(ByteSource& in, std::span<std::string_view> column, Arena& arena) {
  std::vector<int64_t> numbers(column.size());
  const std::string_view prefix = take_numbers(in, numbers);
  if (in.failed()) return;
  const int64_t high = *std::max_element(numbers.begin(), numbers.end());
  char digits[kDigitsMax + 1];
  const size_t digits_max =
      static_cast<size_t>(std::to_chars(digits, digits + sizeof digits, high).ptr - digits);
  const size_t row_bytes = prefix.size() + digits_max;
  char* next = arena.allocate(row_bytes * column.size());
  for (size_t i = 0; i < column.size(); ++i) {
    if (numbers[i] == 0) {
      column[i] = {};
      continue;
    }
    std::memcpy(next, prefix.data(), prefix.size());
    const auto end = std::to_chars(next + prefix.size(), next + row_bytes, numbers[i] - 1);
    column[i] = {next, end.ptr};
    next = end.ptr;
  }
}

// ---- plain text ----------------------------------------------------------------------------

size_t encode_plain(std::span<const std::string_view> column, std::string& out) {
  std::vector<int64_t> lengths(column.size());
  size_t bytes = 0;
  for (size_t i = 0; i < column.size(); ++i) {
    lengths[i] = static_cast<int64_t>(column[i].size());
    bytes += column[i].size();
  }
  pack_integers(lengths, out);
  for (std::string_view text : column) out.append(text);
  return bytes;
}

void decode_plain(ByteSource& in, std::span<std::string_view> column) {
  std::vector<int64_t> lengths(column.size());
  unpack_integers(in, lengths);
  for (size_t i = 0; i < column.size() && !in.failed(); ++i) {
    column[i] = in.take(static_cast<uint64_t>(lengths[i]));
  }
}

// ---- dictionary ----------------------------------------------------------------------------

// The distinct strings of a column in order of first appearance, and each row's place among them.
struct Dictionary {
  std::vector<std::string_view> entries;
  std::vector<int64_t> places;
};

// False when it does not pay: most rows are distinct.
bool build_dictionary(std::span<const std::string_view> column, Dictionary& out) {
  constexpr uint32_t kFree = std::numeric_limits<uint32_t>::max();
  struct Slot {
    uint32_t tag = 0;
    uint32_t place = kFree;
  };
  std::vector<Slot> slots(std::bit_ceil(column.size() * 2));
  const size_t mask = slots.size() - 1;
  out.places.resize(column.size());
  for (size_t i = 0; i < column.size(); ++i) {
    const uint64_t hash = hash64(column[i]);
    const auto tag = static_cast<uint32_t>(hash >> 32);
    size_t at = hash & mask;
    while (slots[at].place != kFree &&
           (slots[at].tag != tag || out.entries[slots[at].place] != column[i])) {
      at = (at + 1) & mask;
    }
    if (slots[at].place == kFree) {
      slots[at] = {tag, static_cast<uint32_t>(out.entries.size())};
      out.entries.push_back(column[i]);
    }
    out.places[i] = slots[at].place;
    if (i == kTrialRows && out.entries.size() > kTrialRows / 4 * 3) return false;
  }
  return out.entries.size() <= column.size() / 4 * 3;
}

size_t encode_dictionary(const Dictionary& dictionary, std::string& out) {
  put_form(Form::kDictionary, out);
  put_varint(dictionary.entries.size(), out);
  const std::string_view prefix = prefix_of(dictionary.entries.front());
  std::vector<int64_t> numbers;
  size_t text_bytes = 0;
  if (prefix.size() <= kPrefixBytesMax && parse_numbers(dictionary.entries, prefix, numbers)) {
    put_form(Form::kNumbers, out);
    put_text(prefix, out);
    pack_integers(numbers, out);
  } else {
    put_form(Form::kText, out);
    text_bytes = encode_plain(dictionary.entries, out);
  }
  pack_integers(dictionary.places, out);
  return text_bytes;
}

void decode_dictionary(ByteSource& in, std::span<std::string_view> column, Arena& arena) {
  const uint64_t size = in.varint();
  if (size == 0 || size > column.size()) return in.fail();
  std::vector<std::string_view> entries(size);
  switch (static_cast<Form>(in.fixed<uint8_t>())) {
    case Form::kNumbers:
      decode_numbers(in, entries, arena);
      break;
    case Form::kText:
      decode_plain(in, entries);
      break;
    default:
      return in.fail();
  }
  std::vector<int64_t> places(column.size());
  unpack_integers(in, places);
  if (in.failed()) return;
  for (size_t i = 0; i < column.size(); ++i) {
    if (static_cast<uint64_t>(places[i]) >= size) return in.fail();
    column[i] = entries[static_cast<size_t>(places[i])];
  }
}

}  // namespace

size_t encode_text(std::span<const std::string_view> column, std::string& out) {
  const std::string_view first = column.front();
  if (std::ranges::all_of(column, [&](std::string_view text) { return text == first; })) {
    put_form(Form::kConstant, out);
    put_text(first, out);
    return 0;
  }
  const auto filled = std::ranges::find_if(column, [](auto text) { return !text.empty(); });
  const std::string_view prefix = prefix_of(*filled);
  std::vector<int64_t> numbers;
  std::string as_numbers;
  if (prefix.size() <= kPrefixBytesMax && parse_numbers(column, prefix, numbers)) {
    put_form(Form::kNumbers, as_numbers);
    put_text(prefix, as_numbers);
    pack_integers(numbers, as_numbers);
    if (as_numbers.size() * 8 <= kNumberBitsMax * column.size()) {
      out.append(as_numbers);
      return 0;
    }
  }
  Dictionary dictionary;
  if (build_dictionary(column, dictionary)) {
    std::string as_dictionary;
    const size_t text_bytes = encode_dictionary(dictionary, as_dictionary);
    if (as_numbers.empty() || as_dictionary.size() < as_numbers.size()) {
      out.append(as_dictionary);
      return text_bytes;
    }
  }
  if (!as_numbers.empty()) {
    out.append(as_numbers);
    return 0;
  }
  put_form(Form::kText, out);
  return encode_plain(column, out);
}

void decode_text(ByteSource& in, std::span<std::string_view> column, Arena& arena) {
  switch (static_cast<Form>(in.fixed<uint8_t>())) {
    case Form::kConstant:
      std::ranges::fill(column, in.text());
      return;
    case Form::kNumbers:
      return decode_numbers(in, column, arena);
    case Form::kDictionary:
      return decode_dictionary(in, column, arena);
    case Form::kText:
      return decode_plain(in, column);
  }
  in.fail();
}

void decode_names(ByteSource& in, size_t rows, NameColumn& column) {
  column.places.clear();
  const auto take_entries = [&](Form form, size_t entries) {
    column.is_numbers = form == Form::kNumbers;
    if (column.is_numbers) {
      column.numbers.resize(entries);
      column.prefix = take_numbers(in, column.numbers);
    } else if (form == Form::kText) {
      column.texts.resize(entries);
      decode_plain(in, column.texts);
    } else {
      in.fail();
    }
  };
  const auto form = static_cast<Form>(in.fixed<uint8_t>());
  if (form == Form::kConstant) {
    column.is_numbers = false;
    column.texts.assign(1, in.text());
    column.places.assign(rows, 0);
    return;
  }
  if (form != Form::kDictionary) return take_entries(form, rows);
  const uint64_t entries = in.varint();
  if (entries == 0 || entries > rows) return in.fail();
  take_entries(static_cast<Form>(in.fixed<uint8_t>()), entries);
  column.places.resize(rows);
  unpack_integers(in, column.places);
  if (in.failed()) return;
  const auto [low, high] = std::minmax_element(column.places.begin(), column.places.end());
  if (*low < 0 || static_cast<uint64_t>(*high) >= entries) in.fail();
}

void skip_text(ByteSource& in, size_t rows) {
  auto form = static_cast<Form>(in.fixed<uint8_t>());
  if (form == Form::kConstant) {
    in.text();
    return;
  }
  const bool dictionary = form == Form::kDictionary;
  const uint64_t entries = dictionary ? in.varint() : rows;
  if (entries == 0 || entries > rows) return in.fail();
  if (dictionary) form = static_cast<Form>(in.fixed<uint8_t>());
  if (form == Form::kNumbers) {
    in.text();
    skip_integers(in, entries);
  } else if (form == Form::kText) {
    std::vector<int64_t> lengths(entries);
    unpack_integers(in, lengths);
    for (const int64_t length : lengths) in.take(static_cast<uint64_t>(length));
  } else {
    in.fail();
  }
  if (dictionary) skip_integers(in, rows);
}

}  // namespace palate
