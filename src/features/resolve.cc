#include "features/resolve.h"

#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "events/rating_types.h"

namespace palate {
namespace {

// Look-ups of users in flight: the slot first, then the name it leads to.
constexpr size_t kSlotsAhead = 16, kNamesAhead = 8;
// Numbers from here on are looked up by name: the array would take more than 16 MB.
constexpr int64_t kNumbersKept = int64_t{1} << 22;
constexpr size_t kNameBytesGuess = 16;

// The text of a number of a NameColumn.
class NumberText {
 public:
  explicit NumberText(std::string_view prefix) : text_(prefix), prefix_bytes_(prefix.size()) {
    text_.resize(prefix_bytes_ + 20);
  }
  std::string_view of(int64_t number) {
    if (number == 0) return {};
    char* const begin = text_.data() + prefix_bytes_;
    const char* const end = std::to_chars(begin, text_.data() + text_.size(), number - 1).ptr;
    return {text_.data(), static_cast<size_t>(end - text_.data())};
  }

 private:
  std::string text_;
  size_t prefix_bytes_;
};

std::vector<ItemIx> items_of(std::span<const ItemPopularity::Change> changes, size_t items_count) {
  constexpr size_t kSparse = 64;  // fewer changes than one in so many items are sorted
  std::vector<ItemIx> items;
  if (changes.size() * kSparse < items_count) {
    for (const ItemPopularity::Change& change : changes) items.push_back(change.item);
    std::sort(items.begin(), items.end());
    items.erase(std::unique(items.begin(), items.end()), items.end());
    return items;
  }
  std::vector<bool> changed(items_count);
  for (const ItemPopularity::Change& change : changes) changed[change.item.value] = true;
  for (uint32_t i = 0; i < items_count; ++i) {
    if (changed[i]) items.push_back(ItemIx{i});
  }
  return items;
}

}  // namespace

void NumberedNames::use_prefix(std::string_view prefix) {
  if (prefix_ == prefix) return;
  prefix_ = prefix;
  found_.clear();
}

uint32_t* NumberedNames::slot(int64_t number) {
  if (number >= kNumbersKept) return nullptr;
  const auto place = static_cast<size_t>(number);
  if (place >= found_.size()) found_.resize(std::max(place + 1, found_.size() * 2), kUnknown);
  return &found_[place];
}

Preferences::Preferences(const EventTypes& types) : types_(types) {
  for (uint16_t t = 0; t < types.size(); ++t) {
    for (unsigned whole = 0; whole < kWholes; ++whole) {
      table_.push_back(types.preference({t}, whole));
    }
    table_.push_back(types.preference({t}, kNoValue));
    rating_.push_back(is_rating_type(types.at({t})));
  }
}

void Resolver::begin(uint64_t first, size_t rows_max) {
  first_ = first;
  entries_.clear();
  changes_.clear();
  signals_.clear();
  entries_.reserve(rows_max);
  (region_of_ == nullptr ? changes_.reserve(rows_max) : signals_.reserve(rows_max));
}

uint32_t Resolver::user_number(std::string_view name, uint64_t hash) {
  const uint32_t user = users_.table.number(hash, name);
  if (user < users_.ids.size()) return user;
  users_.table.move_name(user, users_.names.copy(name));
  users_.ids.push_back(hash_.user(name));
  users_.partitions.push_back(static_cast<uint8_t>(partition_of(users_.ids.back())));
  users_.bytes += name.size() + sizeof(UserId) + sizeof(NameTable::Name) + kNameBytesGuess;
  return user;
}

void Resolver::add_entry(TasteEntry entry, TimeUs received) {
  entries_.push_back(entry);
  if (entry.preference > 0 && region_of_ == nullptr) {
    changes_.push_back(ItemPopularity::change(entry.item, entry.preference, entry.ts, received));
  }
}

void Resolver::add_signal(const EventView& row, const TasteEntry& entry) {
  signals_.push_back(
      signal_of(history_entry(entry, first_), row.received, region_of_->locality(row.context)));
}

std::unexpected<Error> Resolver::unknown_item(uint64_t offset, std::string_view name) const {
  return fail(Code::kCorrupt, "{}: item '{}' is not in the item log",
              to_string(Position{Stream::kEvents, 0, offset}), name);
}

Status Resolver::add(std::span<const EventView> rows, Place place, const Catalogue::View& items) {
  hashes_.clear();
  for (const EventView& row : rows) hashes_.push_back(hash64(row.user));
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + kSlotsAhead < hashes_.size()) users_.table.prefetch(hashes_[i + kSlotsAhead]);
    if (i + kNamesAhead < hashes_.size()) users_.table.prefetch_name(hashes_[i + kNamesAhead]);
    const EventView& row = rows[i];
    const uint64_t offset = place.first + i;
    const bool erased = row.user.empty();
    if (offset < place.from || erased || row.type.value >= types_.size()) continue;
    const float preference = row.item.empty() ? 0 : preferences_.of(row.type, row.value);
    const bool kept =
        preference != 0 || (!row.item.empty() && preferences_.rates(row.type, row.value));
    if (!kept && region_of_ == nullptr) continue;
    const auto item = row.item.empty() ? std::nullopt : items.find(row.item);
    if (kept && !item) return unknown_item(offset, row.item);
    const TasteEntry entry{.user = user_number(row.user, hashes_[i]),
                           .item = item.value_or(ItemIx{}),
                           .value = static_cast<float>(row.value),
                           .preference = preference,
                           .ts = row.ts,
                           .row = static_cast<uint32_t>(offset - first_),
                           .type = row.type,
                           .prompted = !row.request_id.empty()};
    add_entry(entry, row.received);
    if (region_of_ != nullptr) add_signal(row, entry);
  }
  return {};
}

void Resolver::resolve_users(const NameColumn& column) {
  if (!column.is_numbers) {
    user_of_.resize(column.texts.size());
    for (size_t i = 0; i < user_of_.size(); ++i) {
      user_of_[i] = user_number(column.texts[i], hash64(column.texts[i]));
    }
    return;
  }
  numbered_users_.use_prefix(column.prefix);
  NumberText text(column.prefix);
  user_of_.resize(column.numbers.size());
  for (size_t i = 0; i < user_of_.size(); ++i) {
    uint32_t* const kept = numbered_users_.slot(column.numbers[i]);
    if (kept != nullptr && *kept != NumberedNames::kUnknown) {
      user_of_[i] = *kept;
      continue;
    }
    const std::string_view name = text.of(column.numbers[i]);
    user_of_[i] = user_number(name, hash64(name));
    if (kept != nullptr) *kept = user_of_[i];
  }
}

// An item that is not there is ItemIx{}: only a row that counts makes that an error.
void Resolver::resolve_items(const NameColumn& column, const Catalogue::View& items) {
  if (!column.is_numbers) {
    item_of_.resize(column.texts.size());
    for (size_t i = 0; i < item_of_.size(); ++i) {
      item_of_[i] = items.find(column.texts[i]).value_or(ItemIx{}).value;
    }
    return;
  }
  numbered_items_.use_prefix(column.prefix);
  NumberText text(column.prefix);
  item_of_.resize(column.numbers.size());
  for (size_t i = 0; i < item_of_.size(); ++i) {
    uint32_t* const kept = numbered_items_.slot(column.numbers[i]);
    if (kept != nullptr && *kept != NumberedNames::kUnknown) {
      item_of_[i] = *kept;
      continue;
    }
    item_of_[i] = items.find(text.of(column.numbers[i])).value_or(ItemIx{}).value;
    if (kept != nullptr) *kept = item_of_[i];
  }
}

Status Resolver::add(const TasteColumns& columns, Place place, const Catalogue::View& items) {
  if (!columns.has_items) return {};
  resolve_users(columns.users);
  resolve_items(columns.items, items);
  const auto entry_of = [](const NameColumn& column, size_t row) {
    return column.places.empty() ? row : static_cast<size_t>(column.places[row]);
  };
  const auto is_empty = [](const NameColumn& column, size_t entry) {
    return column.is_numbers ? column.numbers[entry] == 0 : column.texts[entry].empty();
  };
  const uint64_t skipped = place.from > place.first ? place.from - place.first : 0;
  for (size_t i = skipped; i < columns.rows; ++i) {
    const EventTypeId type = columns.type[i];
    const size_t item_entry = entry_of(columns.items, i);
    if (type.value >= types_.size() || is_empty(columns.items, item_entry)) continue;
    const float preference = preferences_.of(type, columns.value[i]);
    if (preference == 0 && !preferences_.rates(type, columns.value[i])) continue;
    const ItemIx item{item_of_[item_entry]};
    if (!item.valid()) {
      return unknown_item(
          place.first + i,
          columns.items.is_numbers
              ? NumberText(columns.items.prefix).of(columns.items.numbers[item_entry])
              : columns.items.texts[item_entry]);
    }
    add_entry({.user = user_of_[entry_of(columns.users, i)],
               .item = item,
               .value = static_cast<float>(columns.value[i]),
               .preference = preference,
               .ts = {columns.ts_us[i]},
               .row = static_cast<uint32_t>(place.first + i - first_),
               .type = type},
              {columns.received_us[i]});
  }
  return {};
}

// Counting sort by the user's partition; stable, so that each user's entries stay in log order.
ResolvedBlock Resolver::finish(size_t items_count) {
  ResolvedBlock block;
  block.first = first_;
  const std::vector<uint8_t>& partitions = users_.partitions;
  std::array<uint32_t, kUserPartitions + 1> next{};
  for (const TasteEntry& entry : entries_) ++next[partitions[entry.user] + 1];
  for (size_t p = 0; p < kUserPartitions; ++p) next[p + 1] += next[p];
  block.begin = next;
  block.entries.resize(entries_.size());
  for (const TasteEntry& entry : entries_) block.entries[next[partitions[entry.user]]++] = entry;
  block.changed = items_of(changes_, items_count);
  block.signals = signals_;
  return block;
}

}  // namespace palate
