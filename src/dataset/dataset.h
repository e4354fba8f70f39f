// A dataset: what models learn from. Interactions by user in log order (CSR), with the dictionaries
// and positions that it was made from; a mapped artefact of kind "dataset"
// (docs/formats/dataset.md). Immutable, thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "artefact/artefact.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/threads.h"
#include "base/time.h"
#include "events/event_types.h"
#include "events/log.h"
#include "features/history.h"
#include "ids/keyed_hash.h"

namespace palate::lake {
class LakeDirectory;
}

namespace palate {

class Dataset {
 public:
  struct Source {
    const EventLog* log;
    const EventTypes* types;
    const KeyedHash* hash;
    AsOf as_of;  // exclusive ends; empty: everything in the log
    TimeKind time = TimeKind::kReal;
  };
  // Reads the log once. Keeps events with a non-zero preference, and every rating; items keep their
  // ItemIx (all of the item log, also those without events), users get a UserIx in order of first
  // appearance.
  static Result<Dataset> build(const Source& source, ThreadPool& pool, std::stop_token stop);
  // The same from the lake's clean zone, as far as the lake has read the log: the same bytes where
  // the log holds no repeats and nobody was forgotten, else without those rows. Errors: kCorrupt,
  // kBusy when a compaction has removed a file since, kNotFound where there is no lake.
  struct LakeSource {
    const lake::LakeDirectory* lake;
    const EventTypes* types;
    const KeyedHash* hash;
    TimeKind time = TimeKind::kReal;
  };
  static Result<Dataset> build(const LakeSource& source, ThreadPool& pool, std::stop_token stop);
  // For tests and benchmarks: straight from rows (ascending by user row, then by offset).
  static Dataset from_rows(size_t items, std::vector<uint64_t> row_start,
                           std::vector<HistoryEntry> rows, TimeKind time);
  // The same rows, those of these types that have a value being ratings. For tests and benchmarks.
  [[nodiscard]] Dataset with_rating_types(std::vector<EventTypeId> types) const;
  // Rows added behind those of their users, as if they had been logged last; in their order, and
  // whatever their offsets are. `user` holds places in `users`; ItemIx from items() on are the
  // `items`, names that the dataset does not have. Errors: kInvalidArgument without item names.
  struct Added {
    std::vector<UserId> users;
    std::vector<std::string> items;
    std::vector<uint32_t> user;
    std::vector<HistoryEntry> rows;
  };
  Result<Dataset> with(const Added& added, ThreadPool& pool) const;
  // Only the rows whose bit is set; users and items stay, those without rows, too.
  [[nodiscard]] Dataset only(const std::vector<bool>& keep) const;
  Status save(const Path& path) const;
  static Result<Dataset> open(const Path& path);

  [[nodiscard]] size_t users() const;
  [[nodiscard]] size_t items() const;
  [[nodiscard]] size_t interactions() const;
  [[nodiscard]] std::span<const HistoryEntry> of(UserIx user) const;  // ascending by offset
  [[nodiscard]] std::span<const uint64_t> row_start() const;          // users() + 1
  [[nodiscard]] UserId user_id(UserIx user) const;
  // The user's row; the whole id is compared, so nobody is ever taken for somebody else.
  [[nodiscard]] std::optional<UserIx> find_user(const UserId& user) const;
  // External ids of items, both ways; a dataset of rows alone, or a saved one of format 1, has
  // none.
  [[nodiscard]] bool has_item_names() const;
  [[nodiscard]] Result<std::string> item_name(ItemIx item) const;
  [[nodiscard]] std::optional<ItemIx> find_item(std::string_view external_id) const;
  // Writes them as a dictionary (ids/dictionary.h), for what is made from this dataset.
  Status write_item_names(const Path& path) const;
  [[nodiscard]] const AsOf& as_of() const;
  [[nodiscard]] TimeKind time() const;
  [[nodiscard]] const std::string& dictionary_hash() const;  // of the items' ids in ItemIx order
  [[nodiscard]] uint64_t event_types() const;
  // Types whose values say how much somebody liked it (events/rating_types.h), ascending.
  [[nodiscard]] std::span<const EventTypeId> rating_types() const;
  // A rating may have preference 0: neither liked nor disliked.
  [[nodiscard]] bool is_rating(const HistoryEntry& row) const;

 private:
  struct State;
  explicit Dataset(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

// What one row adds to DatasetView::Seen::fingerprint.
uint64_t row_fingerprint(UserIx user, uint64_t offset);

// A part of a dataset that a trainer may see: per user the rows kept, as a bitmap over all rows.
// Cheap to copy.
class DatasetView {
 public:
  explicit DatasetView(Dataset dataset);  // everything
  DatasetView(Dataset dataset, std::shared_ptr<const std::vector<bool>> keep);

  [[nodiscard]] const Dataset& dataset() const { return dataset_; }
  [[nodiscard]] size_t users() const { return dataset_.users(); }
  [[nodiscard]] size_t items() const { return dataset_.items(); }
  [[nodiscard]] size_t interactions() const;
  // The user's kept rows, in order. `scratch` backs the answer when some rows are left out.
  [[nodiscard]] std::span<const HistoryEntry> of(UserIx user,
                                                 std::vector<HistoryEntry>& scratch) const;
  // An order-independent fingerprint of the rows kept, and the newest time and offset among them:
  // what a trainer writes into its manifest as what it has seen, and the leak check compares.
  struct Seen {
    uint64_t interactions = 0;
    uint64_t fingerprint = 0;
    TimeUs newest_ts;
    uint64_t newest_offset = 0;
    bool operator==(const Seen&) const = default;
  };
  [[nodiscard]] Seen seen() const;

 private:
  Dataset dataset_;
  std::shared_ptr<const std::vector<bool>> keep_;  // nullptr: all
};

// Users by items, one entry a pair that has a positive sum: the preferences of the pair's kept
// events added up. Pairs whose sum is not positive are left out. Both orders, since solvers need
// both.
struct SparseMatrix {
  size_t rows = 0, cols = 0;
  std::vector<uint64_t> start;  // rows + 1
  std::vector<uint32_t> index;  // column, ascending within a row
  std::vector<float> value;
  [[nodiscard]] SparseMatrix transposed() const;
};
SparseMatrix preference_matrix(const DatasetView& view);

}  // namespace palate
