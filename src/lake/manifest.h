// What the lake consists of: the files of one version, where in the log it ends, and what became of
// the events that are not in it (docs/formats/lake.md). Pure functions, thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "lake/zones.h"

namespace palate::lake {

inline constexpr uint32_t kLakeFormat = 1;
inline constexpr size_t kFilesMax = 100'000;                    // of one lake
inline constexpr size_t kManifestBytesMax = size_t{128} << 20;  // of one manifest

// Offsets of one partition of the log that a file holds rows of, both inclusive.
struct PositionRange {
  uint32_t partition = 0;
  uint64_t first = 0, last = 0;
  bool operator==(const PositionRange&) const = default;
};

struct LakeFile {
  std::string path;  // below the lake, with '/'
  Zone zone = Zone::kRaw;
  Part part;
  uint64_t rows = 0, bytes = 0;
  std::string checksum;            // XXH3-128 of its bytes, 32 hex digits
  int64_t ts_min = 0, ts_max = 0;  // of its rows; 0 in items and users
  std::vector<PositionRange> positions;
  std::string schema;                     // id of the one that held when it was made: "event/1"
  uint64_t client_ids = 0;                // rows with an event_id of the client
  std::map<std::string, uint64_t> types;  // rows by event type; none in items and users
  bool operator==(const LakeFile&) const = default;
};

// A file that is no longer part of the lake, kept for readers that opened it before.
struct RetiredFile {
  std::string path;
  int64_t since_us = 0;
  bool operator==(const RetiredFile&) const = default;
};

// What became of the records of one zone: read = rows of its files + all that follows.
struct Account {
  uint64_t read = 0;
  uint64_t duplicates = 0;  // clean only
  uint64_t expired = 0;     // by age
  uint64_t forgotten = 0;   // of users who were forgotten
  uint64_t erased = 0;      // of users whom the log had forgotten before they were read
  bool operator==(const Account&) const = default;
};

// What one compaction removed of a user; becomes an entry of forgotten.json.
struct Forgot {
  std::string user_digest;  // XXH3-128 of the pseudonym, in hex: the pseudonym itself is gone
  std::string asked;        // RFC 3339
  std::array<uint64_t, kZoneNames.size()> rows{};  // removed, by zone
  bool operator==(const Forgot&) const = default;
};

struct Manifest {
  uint64_t number = 0;
  std::string created;  // RFC 3339
  std::string tenant;
  std::string key_check;     // a hash that only the tenant's id.key gives
  std::string region_key;    // the key of `context` that parts are made by; empty: days alone
  AsOf as_of;                // exclusive ends of what was read of the log
  AsOf from;                 // where reading began; later than 0 where the log no longer had it
  uint64_t skipped = 0;      // records that the log had dropped before they were read
  int64_t received_max = 0;  // the newest event's receipt
  std::array<Account, kZoneNames.size()> accounts;
  std::vector<LakeFile> files;  // by path
  std::vector<RetiredFile> retired;
  std::vector<Forgot> forgot;
  bool operator==(const Manifest&) const = default;
};

std::string to_json(const Manifest& manifest);
// Errors: kCorrupt names the field, kUnsupportedVersion.
Result<Manifest> manifest_from_json(std::string_view text);

// "000017" of CURRENT with its checksum, and back; 0 for any other text.
std::string current_line(uint64_t number);
uint64_t current_number(std::string_view line);

// The offset of a (stream, partition) in `as_of`; 0 where it has none.
uint64_t offset_of(const AsOf& as_of, Stream stream, uint32_t partition);
void set_offset(AsOf& as_of, const Position& end);

}  // namespace palate::lake
