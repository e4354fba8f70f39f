// EventLog in the tenant's RocksDB: column `log`, key = stream, partition, offset of the block's
// first record (big-endian, so that keys sort like positions), value = count and block
// (docs/formats/data-directory.md).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "events/log.h"
#include "store/database.h"

namespace palate {

class RocksLog : public EventLog {
 public:
  // `database` must outlive it. Finds the ends from the last block of each (stream, partition),
  // whose checksum and predecessor are checked. Errors: kCorrupt, kIo.
  static Result<std::unique_ptr<RocksLog>> open(Database& database);

  // Errors besides those of EventLog: kInvalidArgument for bytes that are no block of that stream
  // and count. After a failed call the log is as before it, and the next call may succeed.
  Result<std::vector<Position>> append(std::span<const Append> blocks) override;
  // The same, and in the same step notes of each named source that it has been followed up to a
  // place (docs/formats/data-directory.md). `blocks` may be empty: then the notes are durable with
  // the next append.
  using Marks = std::map<std::string, uint64_t>;
  Result<std::vector<Position>> append_marked(std::span<const Append> blocks, const Marks& marks);
  [[nodiscard]] Marks marks() const;
  // A reader beside a writer gets kBusy instead of kCorrupt where blocks are missing: it may have
  // looked while the writer moved them. refresh() and read again.
  Status read(Position from, const std::function<Status(const Block&)>& visit) const override;
  [[nodiscard]] Result<AsOf> ends() const override;

  // Readers: finds the ends again, after Database::catch_up().
  Status refresh();

 private:
  using Part = std::pair<Stream, uint32_t>;
  explicit RocksLog(Database& database) : database_(database) {}
  struct Plan {
    std::vector<Position> positions;  // of each block
    std::map<Part, uint64_t> ends;    // afterwards, of the parts that are written
  };
  [[nodiscard]] uint64_t end_of(const Part& part) const;
  Result<Plan> plan(std::span<const Append> blocks) const;
  [[nodiscard]] Status missing(Position part, uint64_t offset) const;
  Result<std::map<Part, uint64_t>> find_ends() const;

  Database& database_;
  mutable std::mutex mutex_;  // guards ends_ and marks_
  std::map<Part, uint64_t> ends_;
  Marks marks_;
  std::set<Part> failed_;  // of the one writer: parts of appends that failed; see append()
};

}  // namespace palate
