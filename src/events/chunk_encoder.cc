#include "events/chunk_encoder.h"

#include <algorithm>

#include "events/occurrences.h"

namespace palate {
namespace {

// Numbers from here on are kept as names.
constexpr uint64_t kNumbersMax = uint64_t{1} << 26;
constexpr size_t kDigitsMax = 9;

void hash_rows(ParsedChunk& chunk) {
  chunk.hashes.resize(chunk.events.rows.size());
  for (size_t i = 0; i < chunk.hashes.size(); ++i) {
    const EventView& row = chunk.events.rows[i];
    chunk.hashes[i] = row.event_id.empty() ? content_hash(row) : 1;
  }
}

std::vector<Hash128> identities_of(std::span<const EventView> rows, const EventTypes& types) {
  std::vector<Hash128> identities;
  identities.reserve(rows.size());
  for (const EventView& row : rows) {
    identities.push_back(event_identity(row, types.at(row.type).name));
  }
  return identities;
}

}  // namespace

bool MetNames::meet(std::string_view name) {
  size_t prefix = name.size();
  while (prefix > 0 && name[prefix - 1] >= '0' && name[prefix - 1] <= '9') --prefix;
  const std::string_view digits = name.substr(prefix);
  const bool is_number =
      !digits.empty() && digits.size() <= kDigitsMax && (digits[0] != '0' || digits.size() == 1);
  if (is_number && numbers_.empty()) prefix_ = name.substr(0, prefix);
  if (is_number && name.substr(0, prefix) == prefix_) {
    uint64_t number = 0;
    for (const char digit : digits) number = number * 10 + static_cast<uint64_t>(digit - '0');
    if (number < kNumbersMax) {
      const size_t word = number / 64;
      if (word >= numbers_.size()) numbers_.resize(std::max(word + 1, numbers_.size() * 2));
      const uint64_t bit = uint64_t{1} << (number % 64);
      const bool first = (numbers_[word] & bit) == 0;
      numbers_[word] |= bit;
      return first;
    }
  }
  return others_.emplace(name).second;
}

void ChunkEncoder::encode(ParsedChunk& chunk) {
  hash_rows(chunk);
  const std::vector<EventView>& rows = chunk.events.rows;
  if (!wishes_.blocks || rows.empty()) return;
  for (const EventView& row : rows) {
    if (!row.item.empty() && items_.meet(row.item)) chunk.encoded.new_items.push_back(row.item);
  }
  chunk.encoded.blocks = encode_events(rows, types_);
  if (wishes_.identities ||
      std::ranges::any_of(rows, [](const EventView& row) { return !row.event_id.empty(); })) {
    chunk.encoded.identities = identities_of(rows, types_);
  }
}

void encode_again(ParsedChunk& chunk, const EventTypes& types) {
  if (chunk.encoded.blocks.empty()) return;
  chunk.encoded.blocks = encode_events(chunk.events.rows, types);
  if (!chunk.encoded.identities.empty())
    chunk.encoded.identities = identities_of(chunk.events.rows, types);
}

}  // namespace palate
