// From rows of the log to who liked what: names become small numbers, types a preference. A name is
// looked up once for as many rows as possible, because looking names up is most of what folding
// millions of events costs.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "events/event.h"
#include "events/event_types.h"
#include "events/taste_columns.h"
#include "features/catalogue.h"
#include "features/history.h"
#include "features/item_popularity.h"
#include "features/item_signals.h"
#include "features/name_table.h"
#include "ids/keyed_hash.h"

namespace palate {

// Users are cut by the first bits of their id, so that partitions ascend as the store's keys do.
inline constexpr size_t kUserPartitions = 64;
inline size_t partition_of(const UserId& id) { return (id.words[0] & 0xff) >> 2; }

// What one event says about taste.
struct TasteEntry {
  uint32_t user = 0;  // its number in the resolver's users()
  ItemIx item;
  float value = 0;
  float preference = 0;  // not 0, but for ratings and where events are resolved for [features]
  TimeUs ts;
  uint32_t row = 0;  // offset less ResolvedBlock::first
  EventTypeId type;
  bool prompted = false;  // it answers a slate
};
static_assert(sizeof(TasteEntry) == 32);

// As histories keep it; `first`: the offset that `row` counts from.
inline HistoryEntry history_entry(const TasteEntry& entry, uint64_t first) {
  return {.item = entry.item,
          .type = entry.type,
          .prompted = entry.prompted,
          .value = entry.value,
          .preference = entry.preference,
          .ts = entry.ts,
          .offset = first + entry.row};
}

inline HistoryEntry history_entry(const EventView& row, ItemIx item, float preference,
                                  uint64_t offset) {
  return {.item = item,
          .type = row.type,
          .prompted = !row.request_id.empty(),
          .value = static_cast<float>(row.value),
          .preference = preference,
          .ts = row.ts,
          .offset = offset};
}

// What the entry says about its item. A clock that ran ahead counts as when its event came.
inline Signal signal_of(const HistoryEntry& entry, TimeUs received, Locality place) {
  const bool ahead = received.us > 0 && received < entry.ts;
  return {.offset = entry.offset,
          .item = entry.item,
          .preference = entry.preference,
          .at = ahead ? received : entry.ts,
          .type = entry.type,
          .place = place,
          .prompted = entry.prompted};
}

// Some rows of the log that follow each other.
struct ResolvedBlock {
  size_t resolver = 0;              // whose users the entries name
  uint64_t first = 0;               // offset of the first row
  std::vector<TasteEntry> entries;  // by partition of the user, in each in log order
  std::array<uint32_t, kUserPartitions + 1> begin{};  // of each partition
  std::vector<ItemIx> changed;  // items whose popularity it moves, ascending, distinct
  std::vector<Signal> signals;  // for [features]: every event of a known type, in log order

  // Of the partitions [p, end).
  [[nodiscard]] std::span<const TasteEntry> of(size_t p, size_t end) const {
    return std::span(entries).subspan(begin[p], begin[end] - begin[p]);
  }
};

// What names with one prefix and a small number were found to be.
class NumberedNames {
 public:
  static constexpr uint32_t kUnknown = 0xffffffff;
  // Forgets everything when the prefix is another.
  void use_prefix(std::string_view prefix);
  // Of `number` as in NameColumn; nullptr for one that is not kept. Valid until the next call.
  uint32_t* slot(int64_t number);

 private:
  std::string prefix_;
  std::vector<uint32_t> found_;
};

// EventTypes::preference() of the values that most events have, from a table.
class Preferences {
 public:
  explicit Preferences(const EventTypes& types);
  [[nodiscard]] float of(EventTypeId type, double value) const {
    const size_t row = size_t{type.value} * kColumns;
    if (value >= 0 && value < kWholes) {
      const auto whole = static_cast<unsigned>(value);
      if (static_cast<double>(whole) == value) return table_[row + whole];
    }
    return value != value ? table_[row + kWholes] : types_.preference(type, value);
  }

  // Whether it is a rating, which is kept even where it is neither liked nor disliked.
  [[nodiscard]] bool rates(EventTypeId type, double value) const {
    return rating_[type.value] && value == value;
  }

 private:
  static constexpr unsigned kWholes = 15, kColumns = kWholes + 1;  // the last is for no value
  const EventTypes& types_;
  std::vector<float> table_;
  std::vector<bool> rating_;  // by type
};

// One for each thread. Takes blocks one after the other, and keeps nothing that points into them.
class Resolver {
 public:
  // With `signals` every event of a known type is an entry, whatever it says about taste, and
  // popularity follows from the signals instead of changes().
  Resolver(const EventTypes& types, const KeyedHash& hash, ItemSignals* signals = nullptr)
      : types_(types), hash_(hash), region_of_(signals), preferences_(types) {}

  struct Users {
    NameTable table{64};
    std::vector<UserId> ids;  // by number
    std::vector<uint8_t> partitions;
    Arena names;
    size_t bytes = 0;  // roughly
  };
  struct Place {
    uint64_t first = 0;  // offset of the first row
    uint64_t from = 0;   // rows before this offset were folded already and are left out
  };
  // Begins a block that holds up to `rows_max` rows from `first` on.
  void begin(uint64_t first, size_t rows_max);
  // Errors: kCorrupt for an item that the catalogue does not have.
  Status add(std::span<const EventView> rows, Place place, const Catalogue::View& items);
  // Not with `signals`, which need more than these columns.
  Status add(const TasteColumns& columns, Place place, const Catalogue::View& items);
  ResolvedBlock finish(size_t items_count);
  // Of the block finished last; until the next one begins.
  [[nodiscard]] std::span<const ItemPopularity::Change> changes() const { return changes_; }
  [[nodiscard]] const Users& users() const { return users_; }

 private:
  uint32_t user_number(std::string_view name, uint64_t hash);
  void resolve_users(const NameColumn& column);
  void resolve_items(const NameColumn& column, const Catalogue::View& items);
  void add_entry(TasteEntry entry, TimeUs received);
  void add_signal(const EventView& row, const TasteEntry& entry);
  std::unexpected<Error> unknown_item(uint64_t offset, std::string_view name) const;

  const EventTypes& types_;
  const KeyedHash& hash_;
  ItemSignals* region_of_;  // nullptr without [features]
  Preferences preferences_;
  Users users_;
  NumberedNames numbered_users_, numbered_items_;
  uint64_t first_ = 0;  // of the block
  std::vector<TasteEntry> entries_;
  std::vector<ItemPopularity::Change> changes_;
  std::vector<Signal> signals_;
  std::vector<uint64_t> hashes_;
  std::vector<uint32_t> user_of_, item_of_;  // of each entry of a column
};

}  // namespace palate
