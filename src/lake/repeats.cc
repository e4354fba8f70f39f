#include "lake/repeats.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "base/stop.h"
#include "events/event.h"
#include "lake/table_file.h"
#include "lake/zones.h"

namespace palate::lake {
namespace {

// What a row is looked up by.
struct Entry {
  uint64_t key;
  uint32_t row;
  auto operator<=>(const Entry&) const = default;
};

// Sorted side by side: dealt out by the first byte of their keys, which are hashes.
class EntrySort {
 public:
  EntrySort(std::vector<Entry> entries, ThreadPool& pool, std::stop_token stop)
      : from_(std::move(entries)), pool_(pool), stop_(std::move(stop)) {}

  Result<std::vector<Entry>> run() {
    const size_t blocks = (from_.size() + kBlock - 1) / kBlock;
    places_.resize(blocks);
    TRY(pool_.for_blocks(
        blocks,
        [&](size_t block, size_t) {
          for (const Entry& entry : entries_of(block)) ++places_[block][bucket_of(entry)];
        },
        stop_));
    std::array<size_t, kBuckets + 1> begins{};
    size_t place = 0;
    for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
      begins[bucket] = place;
      for (auto& of_block : places_) place += std::exchange(of_block[bucket], place);
    }
    begins[kBuckets] = place;
    std::vector<Entry> sorted(from_.size());
    TRY(pool_.for_blocks(
        blocks,
        [&](size_t block, size_t) {
          auto& next = places_[block];
          for (const Entry& entry : entries_of(block)) sorted[next[bucket_of(entry)]++] = entry;
        },
        stop_));
    TRY(pool_.for_blocks(
        kBuckets,
        [&](size_t bucket, size_t) {
          std::ranges::sort(
              std::span(sorted).subspan(begins[bucket], begins[bucket + 1] - begins[bucket]));
        },
        stop_));
    return sorted;
  }

 private:
  static constexpr size_t kBlock = 64 * 1024, kBuckets = 256;
  static size_t bucket_of(const Entry& entry) { return entry.key >> 56; }
  [[nodiscard]] std::span<const Entry> entries_of(size_t block) const {
    return std::span(from_).subspan(block * kBlock,
                                    std::min(kBlock, from_.size() - block * kBlock));
  }
  const std::vector<Entry> from_;
  ThreadPool& pool_;
  const std::stop_token stop_;
  std::vector<std::array<size_t, kBuckets>> places_;  // by block: counts, then where the next goes
};

// Sorted entries, behind a filter of 16 bits a key that most strangers fail at.
class KeySet {
 public:
  KeySet() = default;
  explicit KeySet(std::span<const Entry> entries) : entries_(entries) {
    constexpr size_t kBitsPerKey = 16;
    bits_.resize(std::bit_ceil(entries_.size() * kBitsPerKey + 64) / 64);
    for (const Entry& entry : entries_) set(entry.key), set(entry.key >> 32);
  }
  [[nodiscard]] bool contains(uint64_t key) const {
    return test(key) && test(key >> 32) &&
           std::ranges::binary_search(entries_, key, {}, &Entry::key);
  }

 private:
  [[nodiscard]] size_t place(uint64_t half) const { return half & (bits_.size() * 64 - 1); }
  void set(uint64_t half) { bits_[place(half) / 64] |= uint64_t{1} << (place(half) % 64); }
  [[nodiscard]] bool test(uint64_t half) const {
    return (bits_[place(half) / 64] >> (place(half) % 64) & 1) != 0;
  }
  std::span<const Entry> entries_;
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
  explicit Search(const RepeatSearch& search) : search_(search) {
    for (const uint32_t row : search.chosen) {
      const int64_t day = day_at(*search.rows, row);
      if (!has_client_id(*search.rows, row)) {
        content_days_.insert(day);
      } else if (id_days_.insert(day).second) {
        for (int64_t apart = 1; apart <= search.days_apart; ++apart) {
          near_days_.insert({day - apart, day + apart});
        }
      }
    }
    near_days_.insert(id_days_.begin(), id_days_.end());
  }

  // Whether a file could hold what repeats one of the new rows.
  [[nodiscard]] bool may_repeat(const LakeFile& file) const {
    return may_repeat_ids(file) || may_repeat_contents(file);
  }

  // Before the first compare(); without files there is less to make.
  Status prepare(bool with_files, ThreadPool& pool, const std::stop_token& stop) {
    entries_ = TRY(sorted_by(identity_of, search_.chosen, pool, stop));
    if (!with_files) return {};
    identities_ = KeySet(entries_);
    std::vector<uint32_t> without_id;
    std::ranges::copy_if(search_.chosen, std::back_inserter(without_id),
                         [&](uint32_t row) { return !has_client_id(*search_.rows, row); });
    suspect_entries_ = TRY(sorted_by(user_and_time, without_id, pool, stop));
    suspects_ = KeySet(suspect_entries_);
    return {};
  }

  // Thread-safe.
  Status compare(const LakeFile& file, const std::stop_token& stop) {
    auto source = TRY(open_table(TRY(search_.lake->open(file)), columns_of(Zone::kClean)));
    for (size_t group = 0; group < source->groups(); ++group) {
      TRY(check_stop(stop));
      if (may_repeat_ids(file)) TRY(compare_client_ids(*source, group));
      if (may_repeat_contents(file)) TRY(compare_contents(*source, group));
    }
    return {};
  }

  // When all files are compared: each identity in order of the log, against the days of those that
  // stay.
  std::vector<bool> take() {
    std::vector<bool> repeats(search_.rows->rows);
    std::ranges::sort(found_);
    const auto& entries = entries_;
    auto found = found_.begin();
    for (size_t begin = 0, end = 0; begin < entries.size(); begin = end) {
      const uint64_t key = entries[begin].key;
      while (end < entries.size() && entries[end].key == key) ++end;
      while (found != found_.end() && found->first < key) ++found;
      const bool alone = end - begin == 1 && (found == found_.end() || found->first != key);
      if (alone) continue;
      std::set<int64_t> kept;
      for (; found != found_.end() && found->first == key; ++found) kept.insert(found->second);
      for (size_t i = begin; i < end; ++i) {
        const int64_t day = day_at(*search_.rows, entries[i].row);
        const auto next = kept.lower_bound(day - search_.days_apart);
        const bool repeat = next != kept.end() && *next <= day + search_.days_apart;
        repeats[entries[i].row] = repeat;
        if (!repeat) kept.insert(day);
      }
    }
    return repeats;
  }

 private:
  template <class KeyOf>
  Result<std::vector<Entry>> sorted_by(KeyOf key_of, std::span<const uint32_t> rows,
                                       ThreadPool& pool, const std::stop_token& stop) const {
    constexpr size_t kBlock = 16 * 1024;
    std::vector<Entry> entries(rows.size());
    TRY(pool.for_blocks((rows.size() + kBlock - 1) / kBlock,
                        [&](size_t block, size_t) {
                          const size_t end = std::min(rows.size(), (block + 1) * kBlock);
                          for (size_t i = block * kBlock; i < end; ++i) {
                            entries[i] = {key_of(*search_.rows, rows[i]), rows[i]};
                          }
                        },
                        stop));
    return EntrySort(std::move(entries), pool, stop).run();
  }
  [[nodiscard]] bool may_repeat_ids(const LakeFile& file) const {
    return file.client_ids > 0 && near_days_.contains(file.part.day);
  }
  // Their time is part of their identity.
  [[nodiscard]] bool may_repeat_contents(const LakeFile& file) const {
    return file.client_ids < file.rows && content_days_.contains(file.part.day);
  }
  void note(uint64_t identity, int64_t day) {
    if (!identities_.contains(identity)) return;
    const std::lock_guard lock(mutex_);
    found_.emplace_back(identity, day);
  }
  Status compare_client_ids(TableSource& source, size_t group) {
    constexpr std::array kWanted{size_t{event::kEvent}, size_t{event::kTs}};
    const Table found = TRY(source.read(group, kWanted));
    for (size_t row = 0; row < found.rows; ++row) {
      const Hash128& id = found.columns[event::kEvent].ids[row];
      if (id != Hash128()) note(id.words[0], day_at(found, row));
    }
    return {};
  }
  Status compare_contents(TableSource& source, size_t group) {
    constexpr std::array kFirst{size_t{event::kUser}, size_t{event::kTs}};
    const Table look = TRY(source.read(group, kFirst));
    std::vector<size_t> alike;
    for (size_t row = 0; row < look.rows; ++row) {
      if (suspects_.contains(user_and_time(look, row))) alike.push_back(row);
    }
    if (alike.empty()) return {};
    const Table found = TRY(source.read(group, all_columns(Zone::kClean)));
    for (const size_t row : alike) {
      if (!has_client_id(found, row)) note(identity_of(found, row), day_at(found, row));
    }
    return {};
  }

  const RepeatSearch& search_;
  // Identities of all chosen rows; user and time of those without an event_id.
  std::vector<Entry> entries_, suspect_entries_;
  KeySet identities_, suspects_;  // of them, to look up rows of files
  // Of chosen rows: with an event_id, those and what is near enough, and without one.
  std::set<int64_t> id_days_, near_days_, content_days_;
  std::mutex mutex_;                                 // guards found_ while files are compared
  std::vector<std::pair<uint64_t, int64_t>> found_;  // identity and day of rows that are there
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
  std::vector<const LakeFile*> files;
  for (const LakeFile* file : search.files) {
    if (state.may_repeat(*file)) files.push_back(file);
  }
  TRY(state.prepare(!files.empty(), pool, stop));
  std::vector<Status> done(files.size());
  TRY(pool.for_blocks(
      files.size(), [&](size_t i, size_t) { done[i] = state.compare(*files[i], stop); }, stop));
  for (const Status& status : done) {
    if (!status) return std::unexpected(status.error());
  }
  return state.take();
}

}  // namespace palate::lake
