// The data directory of one tenant, opened: lock, key, log, state, ingest
// (docs/formats/data-directory.md).
//
//   <data>/<tenant>/LOCK           held by the one writer
//                   id.key         secret of the pseudonyms, 16 bytes, mode 0600
//                   db/            RocksDB: log blocks, state, meta
//                   schemas/       what events, items and users must be, by version
//                   quarantine/    what failed validation, with reason
//                   datasets/, models/, releases/
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>

#include "base/file.h"
#include "base/ids.h"
#include "base/result.h"
#include "events/event_types.h"
#include "events/log.h"
#include "events/schema/contract.h"
#include "features/live_state.h"
#include "ids/keyed_hash.h"
#include "ingest/forget.h"
#include "ingest/ingest.h"
#include "ingest/retention.h"
#include "ingest/validation_config.h"
#include "store/database.h"
#include "store/redis_config.h"

namespace palate {

enum class OpenMode : uint8_t {
  kWriter,  // takes the lock: kConflict for a second one. Creates the directory when it is not
            // there.
  kReader,  // beside a writer (RocksDB secondary): sees the log as of the opening; kNotFound when
            // there is nothing
  kStored,  // a reader whose state is what the store has, at its position: it folds nothing itself
};

struct DataDirectoryOptions {
  Path data;
  Tenant tenant;
  OpenMode mode = OpenMode::kReader;
  HistoryLimits history = {};
  FeatureConfig features = {};
  StateConfig state = {};
  RedisConfig redis = {};
  IngestOptions ingest = {};
  ValidationConfig validation = {};
  RetentionConfig retention = {};
  Forgetting::Elsewhere forget_elsewhere = {};
  size_t user_bytes_max = LiveState::Parts().user_bytes_max;
  std::chrono::milliseconds state_delay = LiveState::Parts().write_delay;
  size_t log_buffer_bytes = DatabaseOptions().log_buffer_bytes;
  size_t state_buffer_bytes = DatabaseOptions().state_buffer_bytes;
  std::stop_token stop = {};
};

class DataDirectory {
 public:
  // A reader has users and the catalogue as of the opening; refresh() follows the writer.
  static Result<std::unique_ptr<DataDirectory>> open(const DataDirectoryOptions& options,
                                                     const EventTypes& types);
  ~DataDirectory();

  [[nodiscard]] const Path& root() const;  // <data>/<tenant>
  [[nodiscard]] EventLog& log();
  [[nodiscard]] LiveState& state();
  [[nodiscard]] const KeyedHash& hash() const;
  [[nodiscard]] StateStore& store();
  [[nodiscard]] Ingest& ingest();  // writers only
  [[nodiscard]] const ValidationConfig& validation() const;
  // What this tenant asks of what comes in, now. Thread-safe.
  [[nodiscard]] std::shared_ptr<const Contract> contract();
  Status refresh();  // readers only: catch up with the writer

  // Who asked to be forgotten, and what of them is left.
  [[nodiscard]] Forgetting& forgetting();
  // Writers only: drops the oldest part of the log as the settings say, of events as far as the
  // state has them and `not_beyond` (a position of events, of whoever else reads the log) lets it.
  Result<RocksLog::Trimmed> trim_log(uint64_t not_beyond, const std::stop_token& stop);

  // Small facts beside log and state, durable on return: which sources were imported, their time
  // kind.
  Status put_meta(std::string_view key, std::string_view value);
  Result<std::vector<std::pair<std::string, std::string>>> meta(std::string_view prefix) const;

 private:
  struct State;
  explicit DataDirectory(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace palate
