// What a Dataset holds, for the files of this room only: spans over either vectors of its own or a
// mapped artefact.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "artefact/artefact.h"
#include "base/hash.h"
#include "base/threads.h"
#include "dataset/dataset.h"
#include "ids/dictionary.h"
#include "ids/item_interner.h"
#include "ids/perfect_hash.h"

namespace palate {

struct Dataset::State {
  size_t items = 0;
  TimeKind time = TimeKind::kReal;
  AsOf as_of;
  std::string dictionary_hash;
  uint64_t event_types = 0;
  std::vector<EventTypeId> rating_types;  // ascending

  std::span<const uint64_t> row_start;  // users + 1
  std::span<const HistoryEntry> rows;   // by user, then by offset
  std::span<const UserId> user_ids;     // users

  // Users to their rows: a place by the perfect hash, and whose place it is. Empty in format 1.
  PerfectHash user_hash;
  std::span<const uint32_t> user_order;
  // External ids of items: of the log that was read, or of the artefact; neither for bare rows.
  std::shared_ptr<const ItemInterner> own_names;
  std::shared_ptr<const Dictionary> names;

  // Who owns the spans: the vectors, or the artefact.
  std::vector<uint64_t> own_row_start;
  std::vector<HistoryEntry> own_rows;
  std::vector<UserId> own_user_ids;
  std::vector<uint32_t> own_user_order;
  std::shared_ptr<const Artefact> artefact;
  std::shared_ptr<const State> keep_alive;  // or another state

  static Hash128 hash_of(const UserId& user) { return hash128(user.bytes()); }
  Status load_dictionaries();  // out of the artefact
  // Makes user_hash and user_order for own_user_ids.
  Status index_own_users(ThreadPool& pool, const std::stop_token& stop = {});

  // Points the spans at the vectors. The rows' padding becomes zeros, since rows are saved as they
  // lie in memory and the same rows must give the same bytes.
  void view_own() {
    constexpr size_t kPaddingAt = offsetof(HistoryEntry, type) + sizeof(EventTypeId);
    constexpr size_t kPaddingEnd = offsetof(HistoryEntry, value);
    for (auto& row : own_rows) {
      std::memset(reinterpret_cast<std::byte*>(&row) + kPaddingAt, 0, kPaddingEnd - kPaddingAt);
    }
    row_start = own_row_start;
    rows = own_rows;
    user_ids = own_user_ids;
    user_order = own_user_order;
  }
};

}  // namespace palate
