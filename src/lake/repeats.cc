#include "lake/repeats.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <mutex>
#include <string>

#include "base/stop.h"
#include "events/event.h"
#include "lake/table_file.h"
#include "lake/zones.h"

namespace palate::lake {
namespace {

// What rows are looked up by, sorted, behind a filter of 16 bits a key that most strangers fail at.
class KeySet {
 public:
  struct Entry {
    uint64_t key;
    uint32_t row;
    auto operator<=>(const Entry&) const = default;
  };
  explicit KeySet(std::vector<Entry> entries) : entries_(std::move(entries)) {
    constexpr size_t kBitsPerKey = 16;
    bits_.resize(std::bit_ceil(entries_.size() * kBitsPerKey + 64) / 64);
    std::ranges::sort(entries_);
    for (const Entry& entry : entries_) set(entry.key), set(entry.key >> 32);
  }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  // All entries with that key, ascending by row.
  [[nodiscard]] std::span<const Entry> find(uint64_t key) const {
    if (!test(key) || !test(key >> 32)) return {};
    return {std::ranges::lower_bound(entries_, Entry{key, 0}),
            std::ranges::upper_bound(entries_, Entry{key, UINT32_MAX})};
  }
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

 private:
  [[nodiscard]] size_t place(uint64_t half) const { return half & (bits_.size() * 64 - 1); }
  void set(uint64_t half) { bits_[place(half) / 64] |= uint64_t{1} << (place(half) % 64); }
  [[nodiscard]] bool test(uint64_t half) const {
    return (bits_[place(half) / 64] >> (place(half) % 64) & 1) != 0;
  }
  std::vector<Entry> entries_;
  std::vector<uint64_t> bits_;
};

bool has_client_id(const Table& table, size_t row) {
  return table.columns[event::kEvent].ids[row] != Hash128();
}

int64_t day_at(const Table& table, size_t row) {
  return day_of(table.columns[event::kTs].integers[row]);
}

// Rows without an event_id can only be equal to rows of the same user and time.
uint64_t user_and_time(const Table& table, size_t row) {
  const Hash128& user = table.columns[event::kUser].ids[row];
  const auto ts = static_cast<uint64_t>(table.columns[event::kTs].integers[row]);
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  const uint64_t mixed = (user.words[0] ^ ts) * kOdd;
  return mixed ^ (mixed >> 29) ^ user.words[1];
}

class Search {
 public:
  explicit Search(const RepeatSearch& search)
      : search_(search),
        repeats_(search.rows->rows),
        identities_(identities(*search.rows)),
        suspects_(suspects(*search.rows)) {
    const auto& ts = search.rows->columns[event::kTs].integers;
    if (ts.empty()) return;
    ts_min_ = std::ranges::min(ts);
    ts_max_ = std::ranges::max(ts);
  }

  void compare_new_rows() {
    const auto& entries = identities_.entries();
    size_t kept = 0;  // the last of the run of equal identities that is no repeat
    for (size_t i = 1; i < entries.size(); ++i) {
      const bool same = entries[i].key == entries[kept].key &&
                        near(entries[i].row, day_at(*search_.rows, entries[kept].row));
      if (same) repeats_[entries[i].row] = true;
      if (!same) kept = i;
    }
  }

  // Whether a file could hold what repeats one of the new rows.
  [[nodiscard]] bool may_repeat(const LakeFile& file) const {
    const int64_t margin = file.client_ids > 0 ? (search_.days_apart + 1) * kDayUs : 0;
    return file.ts_max >= ts_min_ - margin && file.ts_min <= ts_max_ + margin;
  }

  // Thread-safe.
  Status compare(const LakeFile& file, const std::stop_token& stop) {
    auto source = TRY(open_table(TRY(search_.lake->find(file)), columns_of(Zone::kClean)));
    for (size_t group = 0; group < source->groups(); ++group) {
      TRY(check_stop(stop));
      if (file.client_ids > 0) TRY(compare_client_ids(*source, group));
      if (file.client_ids < file.rows) TRY(compare_contents(*source, group));
    }
    return {};
  }

  std::vector<bool> take() { return std::move(repeats_); }

 private:
  static KeySet identities(const Table& rows) {
    std::vector<KeySet::Entry> entries(rows.rows);
    for (uint32_t row = 0; row < rows.rows; ++row) entries[row] = {identity_of(rows, row), row};
    return KeySet(std::move(entries));
  }
  static KeySet suspects(const Table& rows) {
    std::vector<KeySet::Entry> entries;
    for (uint32_t row = 0; row < rows.rows; ++row) {
      if (!has_client_id(rows, row)) entries.push_back({user_and_time(rows, row), row});
    }
    return KeySet(std::move(entries));
  }
  // Whether a repeat of that day counts for the new row.
  [[nodiscard]] bool near(uint32_t row, int64_t day) const {
    if (!has_client_id(*search_.rows, row)) return true;  // its time is part of the identity
    return std::abs(day_at(*search_.rows, row) - day) <= search_.days_apart;
  }
  void mark(uint64_t identity, int64_t day) {
    for (const auto& entry : identities_.find(identity)) {
      if (!near(entry.row, day)) continue;
      const std::lock_guard lock(mutex_);
      repeats_[entry.row] = true;
    }
  }
  Status compare_client_ids(TableSource& source, size_t group) {
    constexpr std::array kWanted{size_t{event::kEvent}, size_t{event::kTs}};
    const Table found = TRY(source.read(group, kWanted));
    for (size_t row = 0; row < found.rows; ++row) {
      const Hash128& id = found.columns[event::kEvent].ids[row];
      if (id != Hash128()) mark(id.words[0], day_at(found, row));
    }
    return {};
  }
  Status compare_contents(TableSource& source, size_t group) {
    constexpr std::array kFirst{size_t{event::kUser}, size_t{event::kTs}};
    if (suspects_.empty()) return {};
    const Table look = TRY(source.read(group, kFirst));
    std::vector<size_t> alike;
    for (size_t row = 0; row < look.rows; ++row) {
      if (!suspects_.find(user_and_time(look, row)).empty()) alike.push_back(row);
    }
    if (alike.empty()) return {};
    const Table found = TRY(source.read(group, all_columns(Zone::kClean)));
    for (const size_t row : alike) {
      if (!has_client_id(found, row)) mark(identity_of(found, row), day_at(found, row));
    }
    return {};
  }

  const RepeatSearch& search_;
  std::mutex mutex_;  // guards repeats_ while files are compared
  std::vector<bool> repeats_;
  const KeySet identities_;  // of all rows
  const KeySet suspects_;    // user and time of those without an event_id
  int64_t ts_min_ = 0, ts_max_ = 0;
};

}  // namespace

uint64_t identity_of(const Table& table, size_t row) {
  const Hash128& client = table.columns[event::kEvent].ids[row];
  if (client != Hash128()) return client.words[0];
  static thread_local std::string bytes;  // its memory is used again
  bytes.clear();
  const auto word = [&](uint64_t value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  const auto text = [&](size_t column) {
    const std::string_view value = table.columns[column].texts[row];
    word(value.size());
    bytes.append(value);
  };
  for (const size_t column : {size_t{event::kUser}, size_t{event::kRequest}}) {
    for (const uint64_t half : table.columns[column].ids[row].words) word(half);
  }
  for (const size_t column :
       {size_t{event::kType}, size_t{event::kItem}, size_t{event::kContext}}) {
    text(column);
  }
  const double value = table.columns[event::kValue].numbers[row];
  word(std::bit_cast<uint64_t>(std::isnan(value) ? kNoValue : value));
  for (const size_t column :
       {size_t{event::kTs}, size_t{event::kSlot}, size_t{event::kOccurrence}}) {
    word(static_cast<uint64_t>(table.columns[column].integers[row]));
  }
  return hash64(bytes);
}

Result<std::vector<bool>> find_repeats(const RepeatSearch& search, ThreadPool& pool,
                                       std::stop_token stop) {
  Search state(search);
  state.compare_new_rows();
  std::vector<const LakeFile*> files;
  for (const LakeFile* file : search.files) {
    if (state.may_repeat(*file)) files.push_back(file);
  }
  std::vector<Status> done(files.size());
  TRY(pool.for_blocks(
      files.size(), [&](size_t i, size_t) { done[i] = state.compare(*files[i], stop); }, stop));
  for (const Status& status : done) {
    if (!status) return std::unexpected(status.error());
  }
  return state.take();
}

}  // namespace palate::lake
