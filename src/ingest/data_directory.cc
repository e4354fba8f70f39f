#include "ingest/data_directory.h"

#include <charconv>
#include <optional>
#include <system_error>

#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"
#include "events/rocks_log.h"
#include "events/schema/live_contract.h"
#include "store/database.h"
#include "store/redis_state.h"
#include "store/rocks_state.h"

namespace palate {
namespace {

constexpr int kFormat = 1;
constexpr size_t kFormatBytesMax = 64;

constexpr std::string_view kKeyFact = "key.check";

// Says nothing of the key, and is another one in every directory.
std::string key_proof(const KeyedHash& hash) {
  return to_hex(hash128(hash.user("palate.key-check").bytes()));
}

// Another key would give everybody another pseudonym: all users would be strangers, silently. So
// the directory remembers one pseudonym that the right key makes.
Status check_key(const KeyedHash& hash, Database& database, const Path& file) {
  const std::string pseudonym = key_proof(hash);
  const auto facts = TRY(database.meta(kKeyFact));
  if (facts.empty()) return database.writable() ? database.put_meta(kKeyFact, pseudonym) : Status();
  if (facts.front().second == pseudonym) return {};
  return fail(
      Code::kCorrupt,
      "{}: this is not the key that the directory was made with (a flipped bit, or the file "
      "of another directory); restore it from a copy",
      file.string());
}

// A directory that a newer program has written is left alone, before anything in it is opened.
Status check_format(const Path& root, bool create) {
  const Path file = root / "FORMAT";
  const auto text = read_file(file, kFormatBytesMax);
  if (!text && text.error().code == Code::kNotFound && create) {
    return write_file_atomically(file, fmt::format("{}\n", kFormat));
  }
  if (!text) return std::unexpected(text.error());
  int format = 0;
  const char* end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, format);
  if (error != std::errc() || std::string_view(rest, end) != "\n" || format < 1) {
    return fail(Code::kCorrupt, "{}: this is not the format file of a data directory",
                file.string());
  }
  if (format > kFormat) {
    return fail(Code::kUnsupportedVersion,
                "{}: the data directory has format {}, this program reads up to {}: use a newer "
                "palate",
                file.string(), format, kFormat);
  }
  return {};
}

// Both have one write-ahead log, so a crash cannot leave the state ahead; lost tables can. What is
// logged next would then be taken for folded.
Status check_state(const LiveState& state, const EventLog& log, const Path& root) {
  for (const Position& folded : state.as_of()) {
    uint64_t end = 0;
    for (const Position& at : TRY(log.ends())) {
      if (at.stream == folded.stream && at.partition == folded.partition) end = at.offset;
    }
    if (folded.offset <= end) continue;
    return fail(Code::kCorrupt,
                "{}: the state has seen {}, and the log ends before that: events that were "
                "acknowledged are gone. Restore the directory from a copy",
                root.string(), to_string(folded));
  }
  return {};
}

Result<std::unique_ptr<StateStore>> open_store(const DataDirectoryOptions& options,
                                               const KeyedHash& hash, Database& database) {
  if (!options.state.is_redis()) return std::make_unique<RocksState>(database);
  return TRY(RedisState::open(
      {.redis = options.redis, .tenant = options.tenant, .owner = key_proof(hash)}));
}

References references(const ValidationConfig& config, const LiveState& state) {
  References known;
  if (config.unknown_items == "refuse") {
    known.item = [&state](std::string_view id) {
      return state.catalogue().view().find(id).has_value();
    };
  }
  if (config.unknown_users == "refuse") {
    known.user = [&state](std::string_view id) {
      const auto user = state.user(id);
      return user.has_value() && *user != nullptr;
    };
  }
  return known;
}

}  // namespace

// Members in the order of opening; closed in reverse, so that the lock goes last.
struct DataDirectory::State {
  Path root;
  std::optional<FileLock> lock;
  std::optional<KeyedHash> hash;
  std::unique_ptr<Database> database;
  std::unique_ptr<RocksLog> log;
  std::unique_ptr<Forgetting> forgetting;
  std::unique_ptr<StateStore> store;
  std::unique_ptr<LiveState> live;
  ValidationConfig validation;
  RetentionConfig retention;
  std::unique_ptr<LiveContract> contract;
  std::unique_ptr<Ingest> ingest;
};

DataDirectory::DataDirectory(std::unique_ptr<State> state) : state_(std::move(state)) {}
DataDirectory::~DataDirectory() {
  if (state_->ingest == nullptr) return;
  state_->ingest.reset();
  const Status flushed = state_->live->flush();
  if (!flushed) {
    log_warning("state is not written to its end; the next start folds the rest from the log: {}",
                flushed.error().message);
  }
}

Result<std::unique_ptr<DataDirectory>> DataDirectory::open(const DataDirectoryOptions& options,
                                                           const EventTypes& types) {
  const bool writer = options.mode == OpenMode::kWriter;
  auto state = std::make_unique<State>();
  state->root = options.data / options.tenant.name;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(options.data, ignored)) {
    return fail(Code::kInvalidArgument, "{} is a file; the data is a directory (--data, data.dir)",
                options.data.string());
  }
  if (!writer && !std::filesystem::exists(state->root / "FORMAT", ignored)) {
    return fail(Code::kNotFound, "{}: there is no data directory here", state->root.string());
  }
  if (writer) {
    TRY(make_directories(state->root));
    state->lock.emplace(TRY(FileLock::acquire(state->root / "LOCK")));
    remove_leftovers(state->root);
  }
  TRY(check_format(state->root, writer));
  state->hash = TRY(KeyedHash::open(state->root / "id.key", options.tenant, writer));
  state->database = TRY(Database::open(
      {.path = state->root / "db",
       .tenant = options.tenant,
       .mode = writer ? DatabaseOptions::Mode::kWriter : DatabaseOptions::Mode::kReader,
       .log_buffer_bytes = options.log_buffer_bytes,
       .state_buffer_bytes = options.state_buffer_bytes}));
  TRY(check_key(*state->hash, *state->database, state->root / "id.key"));
  state->log = TRY(RocksLog::open(*state->database));
  state->forgetting = TRY(Forgetting::open({.root = state->root,
                                            .database = state->database.get(),
                                            .log = state->log.get(),
                                            .hash = &*state->hash,
                                            .elsewhere = options.forget_elsewhere}));
  state->store = TRY(open_store(options, *state->hash, *state->database));
  const uint64_t tail_max =
      options.mode == OpenMode::kStored ? 0 : LiveState::Parts().reader_events_max;
  state->live = std::make_unique<LiveState>(
      LiveState::Parts{.types = &types,
                       .hash = &*state->hash,
                       .store = state->store.get(),
                       .tenant = options.tenant,
                       .limits = options.history,
                       .features = options.features,
                       .reader_events_max = tail_max,
                       .user_bytes_max = options.user_bytes_max,
                       .rebuild_from_kept = options.retention.rebuild_from_kept,
                       .write_delay = options.state_delay});
  TRY(state->live->catch_up(*state->log, options.stop, !writer));
  TRY(check_state(*state->live, *state->log, state->root));
  if (writer) TRY(state->forgetting->finish_interrupted(*state->live));
  state->validation = options.validation;
  state->retention = options.retention;
  state->contract =
      TRY(LiveContract::open(state->root, types, references(options.validation, *state->live)));
  if (writer) {
    state->ingest = TRY(Ingest::start({.log = state->log.get(),
                                       .state = state->live.get(),
                                       .types = &types,
                                       .options = options.ingest,
                                       .marked = state->log.get(),
                                       .forgetting = state->forgetting.get()}));
  }
  return std::unique_ptr<DataDirectory>(new DataDirectory(std::move(state)));
}

const Path& DataDirectory::root() const { return state_->root; }
EventLog& DataDirectory::log() { return *state_->log; }
LiveState& DataDirectory::state() { return *state_->live; }
const KeyedHash& DataDirectory::hash() const { return *state_->hash; }
StateStore& DataDirectory::store() { return *state_->store; }

Ingest& DataDirectory::ingest() {
  PALATE_CHECK(state_->ingest != nullptr, "a reader's data directory takes nothing in");
  return *state_->ingest;
}

const ValidationConfig& DataDirectory::validation() const { return state_->validation; }
std::shared_ptr<const Contract> DataDirectory::contract() { return state_->contract->get(); }

Status DataDirectory::refresh() {
  PALATE_CHECK(state_->ingest == nullptr, "a writer is always up to date");
  TRY(state_->database->catch_up());
  TRY(state_->log->refresh());
  TRY(state_->forgetting->refresh());
  return state_->live->catch_up(*state_->log, {}, true);
}

Forgetting& DataDirectory::forgetting() { return *state_->forgetting; }

Result<RocksLog::Trimmed> DataDirectory::trim_log(uint64_t not_beyond,
                                                  const std::stop_token& stop) {
  // What is folded now is on disk after the flush; what comes meanwhile may not be.
  for (const Position& at : state_->live->as_of()) {
    if (at.stream == Stream::kEvents) not_beyond = std::min(not_beyond, at.offset);
  }
  TRY(state_->live->flush());
  RocksLog::Trimmed trimmed = TRY(trim_events(*state_->log, state_->retention, not_beyond, stop));
  const auto decisions = TRY(trim_decisions(*state_->log, state_->retention, stop));
  trimmed.blocks += decisions.blocks;
  trimmed.bytes += decisions.bytes;
  return trimmed;
}

Status DataDirectory::put_meta(std::string_view key, std::string_view value) {
  return state_->database->put_meta(key, value);
}

Result<std::vector<std::pair<std::string, std::string>>> DataDirectory::meta(
    std::string_view prefix) const {
  return state_->database->meta(prefix);
}

}  // namespace palate
