// Users who asked to be forgotten, between the asking and the compaction that removes their rows
// (docs/formats/lake.md). Each is a file of its own under tombstones/, so that asking needs no lock
// and is there at once.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "base/ids.h"
#include "base/result.h"
#include "ids/pseudonym.h"
#include "lake/manifest.h"

namespace palate::lake {

inline constexpr uint32_t kTombstoneFormat = 1;
inline constexpr uint32_t kForgottenFormat = 1;
inline constexpr size_t kTombstonesMax = 4'000'000;
inline constexpr size_t kForgottenMax = 100'000;  // entries of the record; the oldest leave first

struct Tombstone {
  UserId user;
  std::string asked;  // RFC 3339
  AsOf before;        // records from here on stay; empty: all that the next compaction reads go
  bool operator==(const Tombstone&) const = default;
};
std::string to_json(const Tombstone& tombstone);
// Errors: kCorrupt, kUnsupportedVersion.
Result<Tombstone> tombstone_from_json(std::string_view text);

// Durable on return. Errors: kIo, kNoSpace, kPermission.
Status write_tombstone(const Path& lake, const Tombstone& tombstone);
// Oldest first. Errors: kCorrupt names a damaged one, kOverloaded above the limit.
struct StoredTombstone {
  Path path;
  Tombstone tombstone;
};
Result<std::vector<StoredTombstone>> read_tombstones(const Path& lake);

// An entry of lake/forgotten.json: the proof of what is gone.
struct Forgotten {
  uint64_t manifest = 0;  // the compaction that removed it
  std::string gone;       // RFC 3339
  Forgot what;
  bool operator==(const Forgotten&) const = default;
};
std::string to_json(const std::vector<Forgotten>& record);
Result<std::vector<Forgotten>> forgotten_from_json(std::string_view text);
// None where nobody was forgotten yet.
Result<std::vector<Forgotten>> read_forgotten(const Path& lake);
// Adds what `manifest` forgot, once.
Status record_forgotten(const Path& lake, const Manifest& manifest);

// Looks up rows of forgotten users. Immutable, thread-safe.
class TombstoneFilter {
 public:
  explicit TombstoneFilter(std::span<const StoredTombstone> tombstones);
  [[nodiscard]] bool empty() const { return users_.empty(); }
  [[nodiscard]] size_t size() const { return digests_.size(); }
  // Whether any tombstone is of that user.
  [[nodiscard]] bool knows(const Hash128& user) const {
    return users_.contains(UserId{user.words});
  }
  // The place of the tombstone that a row falls under; -1: none.
  [[nodiscard]] int find(const Hash128& user, const Position& at) const;
  // The same for a row of a table with its user and position columns.
  [[nodiscard]] int find(Zone zone, const Table& table, size_t row) const;
  // What to call the tombstone at a place in the manifest.
  [[nodiscard]] const Forgot& describe(size_t place) const { return digests_[place]; }

 private:
  struct Entry {
    int place;
    AsOf before;
  };
  std::unordered_map<UserId, std::vector<Entry>> users_;
  std::vector<Forgot> digests_;
};

}  // namespace palate::lake
