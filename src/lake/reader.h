// Reads the lake the way training does: only the wanted columns, several files side by side, in an
// order that depends on the seed alone. Memory: one mix of about kMixRows rows at a time.
//
// The order is that of mixes: row groups in an order drawn from the seed, put together until they
// have kMixRows rows, and the rows of each mix in an order drawn from the seed, too (a shuffle
// buffer, cut at fixed places). Threads and readers do not change it: reader i of n gets the rows
// of its users in the places where they are for all.
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "lake/lake_directory.h"
#include "lake/tombstones.h"

namespace palate::lake {

inline constexpr uint64_t kMixRows = 256 * 1024;

struct ReadOptions {
  Zone zone = Zone::kClean;
  std::vector<size_t> columns = {};  // wanted (columns_named()); others may come along
  std::optional<uint64_t> shuffle_seed =
      {};                        // none: by day, region and file, each in its own order
  uint64_t part = 0, parts = 1;  // only users of part `part` of `parts`
  int64_t from_us = std::numeric_limits<int64_t>::min();   // only events from then on …
  int64_t until_us = std::numeric_limits<int64_t>::max();  // … and before then
};

// One version of the lake, as of open(). Rows of users who were forgotten by then are left out.
// Thread-safe.
class LakeReader {
 public:
  // Errors: kNotFound where there is no lake, kInvalidArgument, those of its manifest.
  static Result<LakeReader> open(const LakeDirectory& lake, ReadOptions options);
  // Another table or part of the very same version.
  [[nodiscard]] Result<LakeReader> same_version(ReadOptions options) const;
  [[nodiscard]] const Manifest& manifest() const { return manifest_; }
  // Of the files that may hold what is wanted.
  [[nodiscard]] uint64_t rows_max() const;
  // Calls `visit` with tables of at least one row, in order, on this thread. Errors: those of
  // `visit`; kCorrupt; kBusy when a compaction has removed a file since; kCancelled.
  Status read(ThreadPool& pool, const std::function<Status(const Table&)>& visit,
              std::stop_token stop = {}) const;
  // For who brings rows into an order of his own, at less cost: the same rows by row group, each in
  // its file's order, on the threads of the pool, in no order among each other.
  Status read_unordered(ThreadPool& pool, const std::function<Status(const Table&)>& visit,
                        std::stop_token stop = {}) const;

 private:
  // Every `units`-th row group of a file, from `unit` on: one where its groups are of full size.
  struct Unit {
    size_t file;  // place in manifest_.files
    size_t unit, units;
    uint64_t rows;  // about
  };
  // Rows of a unit that are wanted, with their places among all rows of the unit.
  struct Kept {
    std::vector<Table> tables;
    std::vector<std::pair<uint32_t, uint32_t>> rows;  // table, row
    std::vector<uint64_t> places;
  };
  LakeReader(LakeDirectory lake, Manifest manifest, TombstoneFilter tombstones)
      : lake_(std::move(lake)),
        manifest_(std::move(manifest)),
        tombstones_(std::move(tombstones)) {}
  Status plan(ReadOptions options);
  [[nodiscard]] std::vector<size_t> columns_to_read() const;
  [[nodiscard]] bool wanted(const Table& rows, size_t row) const;
  [[nodiscard]] bool all_wanted(const LakeFile& file) const;
  // Calls `visit` with each row group of the unit.
  Status read_groups(const Unit& unit, const std::function<Status(Table)>& visit) const;
  [[nodiscard]] Result<Kept> read_unit(const Unit& unit) const;
  [[nodiscard]] Table mixed(const std::vector<Kept>& kept, size_t first_unit) const;
  Status read_mix(size_t begin, size_t end, ThreadPool& pool, std::vector<Kept>& kept) const;
  LakeDirectory lake_;
  ReadOptions options_;
  Manifest manifest_;
  TombstoneFilter tombstones_;
  std::vector<Unit> units_;  // in order
};

}  // namespace palate::lake
