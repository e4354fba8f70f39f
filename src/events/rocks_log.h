// EventLog in the tenant's RocksDB: column `log`, key = stream, partition, offset of the block's
// first record (big-endian, so that keys sort like positions), value = count and block
// (docs/formats/data-directory.md).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

#include "events/erase_rows.h"
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
  [[nodiscard]] Result<AsOf> begins() const override;

  // Readers: finds the ends again, after Database::catch_up().
  Status refresh();

  // From here on read() shows no row that `visible_from` hides; nullptr: it shows all. Thread-safe.
  void hide(std::shared_ptr<const VisibleFrom> visible_from);
  struct Erased {
    struct Rows {
      uint64_t events = 0, records = 0;
    };
    uint64_t blocks = 0;
    std::map<std::string, Rows> of;  // by user
  };
  // Rewrites the blocks that hold rows which `visible_from` hides, so that no file holds them any
  // more on return. By one thread at a time, beside append() and read(). Errors: kCancelled; what
  // was rewritten stays.
  Result<Erased> erase(const VisibleFrom& visible_from, const std::stop_token& stop);

  struct Trimmed {
    uint64_t blocks = 0, bytes = 0;
  };
  // What a block is asked for: whether it may go, `bytes_kept` being what is left with it and
  // behind it, roughly.
  using MayGo = std::function<Result<bool>(const Block& block, uint64_t bytes_kept)>;
  // Drops the oldest blocks of a stream up to the first that may not go; the newest stays. Durable
  // on return. By one thread at a time, the one of erase().
  Result<Trimmed> trim(Stream stream, const MayGo& may_go, const std::stop_token& stop);

 private:
  using Part = std::pair<Stream, uint32_t>;
  explicit RocksLog(Database& database) : database_(database) {}
  struct Plan {
    std::vector<Position> positions;  // of each block
    std::map<Part, uint64_t> ends;    // afterwards, of the parts that are written
  };
  Result<Plan> plan(std::span<const Append> blocks) const;
  [[nodiscard]] Status missing(Position part, uint64_t offset) const;
  struct Range {
    uint64_t begin = 0, end = 0;
  };
  Result<std::map<Part, Range>> find_ranges() const;
  [[nodiscard]] Range range_of(const Part& part) const;
  [[nodiscard]] std::shared_ptr<const VisibleFrom> hidden() const;
  Status walk(const Part& part, const Range& range,
              const std::function<Result<bool>(const Block&)>& visit) const;
  Status replace(const Position& first, std::span<const EncodedBlock> blocks, Range& unsettled);
  Status settle(const std::stop_token& stop);

  Database& database_;
  mutable std::mutex mutex_;  // guards the next three
  std::map<Part, Range> ranges_;
  Marks marks_;
  std::shared_ptr<const VisibleFrom> visible_from_;  // nullptr: nothing is hidden
  std::set<Part> failed_;  // of the one writer: parts of appends that failed; see append()
};

}  // namespace palate
