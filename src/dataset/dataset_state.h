// What a Dataset holds, for the files of this room only: spans over either vectors of its own or a
// mapped artefact.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "artefact/artefact.h"
#include "dataset/dataset.h"

namespace palate {

struct Dataset::State {
  size_t items = 0;
  TimeKind time = TimeKind::kReal;
  AsOf as_of;
  std::string dictionary_hash;
  uint64_t event_types = 0;

  std::span<const uint64_t> row_start;  // users + 1
  std::span<const HistoryEntry> rows;   // by user, then by offset
  std::span<const UserId> user_ids;     // users

  // Who owns the spans: the vectors, or the artefact.
  std::vector<uint64_t> own_row_start;
  std::vector<HistoryEntry> own_rows;
  std::vector<UserId> own_user_ids;
  std::shared_ptr<const Artefact> artefact;

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
  }
};

}  // namespace palate
