#include "features/live_state.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/log.h"
#include "base/stop.h"
#include "base/threads.h"
#include "events/block.h"
#include "features/byte_codec.h"
#include "features/fold.h"
#include "features/item_popularity.h"
#include "features/live_position.h"
#include "features/spec.h"

namespace palate {
namespace {

// While catching up, events are gathered by user until they take so much memory: users are then
// read and written once for all of them.
constexpr size_t kGatheredBytesMax = size_t{288} << 20;
// Blocks of at most 64 KiB that are read before they are resolved side by side, so many by one
// thread. Fixed, so that bytes do not depend on threads.
constexpr size_t kBlocksAtOnce = 128;
constexpr size_t kBlocksTogether = 8;
// That many users' states are written to at once.
constexpr size_t kBulkFiles = 16;
static_assert(kUserPartitions % kBulkFiles == 0);
constexpr size_t kDropAtOnce = 10'000;

struct LoggedBlock {
  uint64_t first = 0;
  uint32_t count = 0;
  std::string bytes;
};

// What was resolved and is still to be folded.
struct Gathered {
  explicit Gathered(uint64_t events_end) : end(events_end) {}
  uint64_t end;  // of the events in the log
  std::vector<Resolver> resolvers;
  std::vector<ResolvedBlock> blocks;
  std::vector<ItemIx> changed;  // items whose popularity is ahead of the store
  size_t entries = 0;

  [[nodiscard]] size_t bytes() const {
    size_t sum = entries * sizeof(TasteEntry);
    for (const Resolver& resolver : resolvers) sum += resolver.users().bytes;
    return sum;
  }
  [[nodiscard]] FoldInput input() const {
    FoldInput input{.blocks = blocks, .users = {}};
    for (const Resolver& resolver : resolvers) input.users.push_back(&resolver.users());
    return input;
  }
};

// Events from which on memory is given back before and after folding them.
constexpr uint64_t kManyEvents = 1'000'000;

// The allocator keeps what was freed in the pools of many threads; hundreds of megabytes then stay
// with a process that needs them once.
void give_memory_back() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

std::string item_key(ItemIx ix) {
  std::string key("i");
  for (int shift = 24; shift >= 0; shift -= 8) key += static_cast<char>(ix.value >> shift);
  return key;
}

}  // namespace

struct LiveState::State {
  Parts parts;
  Catalogue catalogue;
  ItemPopularity popularity;
  bool loaded = false;  // positions and popularity are those of the store
  mutable std::mutex mutex;
  mutable std::condition_variable moved;
  uint64_t items = 0;  // both guarded by mutex; written by the one writer only
  LivePosition position;

  LivePosition fresh_position() const;
  Status load(bool may_rebuild);
  Status load_popularity();
  Status drop();
  Status write(std::vector<StateStore::Put> puts, const LivePosition& next);
  Status check_no_gap(Position first, uint64_t reached) const;
  FoldParts fold_parts() const;
  void gather(ResolvedBlock block, Gathered& gathered);
  std::vector<StateStore::Put> popularity_puts(Gathered& gathered) const;
  Status fold(Gathered gathered);
  Status fold_bulk(Gathered gathered, ThreadPool& pool);
  Status undo_unless(Status folded);
  Result<ResolvedBlock> resolve(std::span<const LoggedBlock> blocks, const Catalogue::View& view,
                                Resolver& resolver, TasteColumns& columns);
  Status resolve_all(std::span<const LoggedBlock> blocks, Gathered& gathered, ThreadPool& pool);
  Status fold_log(const EventLog& log, const std::stop_token& stop, Progress& progress);
  Status catch_up_items(const EventLog& log, const std::stop_token& stop);
  Status catch_up_users(const EventLog& log, const std::stop_token& stop, LiveState& self);
  Status catch_up_events(const EventLog& log, const std::stop_token& stop);
  void move_to(const LivePosition& next);
};

LivePosition LiveState::State::fresh_position() const {
  return {.spec_hash = feature_spec_hash(),
          .event_types = parts.types->fingerprint(),
          .events_max = parts.limits.events_max,
          .consumed_max = parts.limits.consumed_max};
}

void LiveState::State::move_to(const LivePosition& next) {
  {
    const std::lock_guard lock(mutex);
    position = next;
  }
  moved.notify_all();
}

Status LiveState::State::load_popularity() {
  popularity.clear();
  Status status;
  TRY(parts.store->scan("i", [&](std::string_view key, std::string_view value) {
    ItemIx ix{0};
    for (const char c : key.substr(1)) ix.value = ix.value << 8 | static_cast<uint8_t>(c);
    status = popularity.decode(ix, value);
    return status.has_value();
  }));
  return status;
}

Status LiveState::State::load(bool may_rebuild) {
  const auto bytes = TRY(parts.store->get(kLivePositionKey));
  LivePosition next = fresh_position();
  if (bytes) {
    const LivePosition stored = TRY(decode_live_position(*bytes));
    if (stored.same_meaning(next)) {
      next = stored;
    } else if (may_rebuild) {
      log_info("features or event types have changed: the state of users is rebuilt from the log");
      TRY(drop());
    } else {
      return fail(Code::kUnsupportedVersion,
                  "the state was folded by other features or event types than this program's: use "
                  "the writer's program and configuration");
    }
  }
  TRY(load_popularity());
  move_to(next);
  loaded = true;
  return {};
}

// The position goes last: a crash in between finds the old meaning and drops again.
Status LiveState::State::drop() {
  std::vector<StateStore::Put> puts;
  Status status;
  TRY(parts.store->scan("", [&](std::string_view key, std::string_view) {
    if (key != kLivePositionKey) puts.push_back({std::string(key), std::nullopt});
    if (puts.size() < kDropAtOnce) return true;
    status = parts.store->write(puts);
    puts.clear();
    return status.has_value();
  }));
  TRY(std::move(status));
  puts.push_back({std::string(kLivePositionKey), std::nullopt});
  return parts.store->write(puts);
}

Status LiveState::State::write(std::vector<StateStore::Put> puts, const LivePosition& next) {
  puts.push_back({std::string(kLivePositionKey), encode_live_position(next)});
  Status written = parts.store->write(puts);
  if (!written) {
    loaded = false;  // popularity in memory is ahead of the store now
    return written;
  }
  move_to(next);
  return {};
}

Status LiveState::State::check_no_gap(Position first, uint64_t reached) const {
  if (!loaded) {
    return fail(Code::kUnavailable, "live state is not loaded: catch_up() comes first");
  }
  if (first.offset > reached) {
    return fail(Code::kUnavailable, "live state has reached {} and cannot jump to {}", reached,
                to_string(first));
  }
  return {};
}

FoldParts LiveState::State::fold_parts() const {
  return {.types = parts.types,
          .hash = parts.hash,
          .store = parts.store,
          .limits = parts.limits,
          .store_is_empty = position.events == 0 && position.users == 0};
}

void LiveState::State::gather(ResolvedBlock block, Gathered& gathered) {
  gathered.changed.insert(gathered.changed.end(), block.changed.begin(), block.changed.end());
  block.changed = {};
  gathered.entries += block.entries.size();
  gathered.blocks.push_back(std::move(block));
}

// Ascending by key.
std::vector<StateStore::Put> LiveState::State::popularity_puts(Gathered& gathered) const {
  std::vector<ItemIx>& changed = gathered.changed;
  std::sort(changed.begin(), changed.end());
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  std::vector<StateStore::Put> puts;
  for (const ItemIx ix : changed) puts.push_back({item_key(ix), popularity.encode(ix)});
  return puts;
}

Status LiveState::State::fold(Gathered gathered) {
  std::vector<StateStore::Put> puts = TRY(fold_all(fold_parts(), gathered.input()));
  for (StateStore::Put& put : popularity_puts(gathered)) puts.push_back(std::move(put));
  LivePosition next = position;
  next.events = gathered.end;
  return write(std::move(puts), next);
}

// The same through tables that are written side by side; 'i' and the position lie before 'u'.
Status LiveState::State::fold_bulk(Gathered gathered, ThreadPool& pool) {
  const std::unique_ptr<StateStore::Bulk> bulk = TRY(parts.store->bulk());
  LivePosition next = position;
  next.events = gathered.end;
  const auto head = TRY(bulk->part());
  for (const StateStore::Put& put : popularity_puts(gathered)) TRY(head->add(put.key, *put.value));
  TRY(head->add(kLivePositionKey, encode_live_position(next)));
  TRY(head->finish());
  const FoldParts reading = fold_parts();
  UserFold users(reading, gathered.input());
  const auto write_file = [&](size_t file) -> Status {
    std::unique_ptr<StateStore::Bulk::Part> part;
    constexpr size_t kTogether = kUserPartitions / kBulkFiles;
    for (size_t p = file * kTogether; p < (file + 1) * kTogether; ++p) {
      TRY(users.fold({p, p + 1}, [&](std::string_view key, std::string_view state) -> Status {
        if (part == nullptr) part = TRY(bulk->part());
        return part->add(key, state);
      }));
    }
    return part == nullptr ? Status() : part->finish();
  };
  std::vector<Status> written(kBulkFiles);
  TRY(pool.for_blocks(kBulkFiles, [&](size_t file, size_t) { written[file] = write_file(file); }));
  for (Status& status : written) TRY(std::move(status));
  const Status committed = bulk->commit();
  if (!committed) {
    loaded = false;  // popularity in memory is ahead of the store now
    return committed;
  }
  move_to(next);
  return {};
}

Result<ResolvedBlock> LiveState::State::resolve(std::span<const LoggedBlock> blocks,
                                                const Catalogue::View& view, Resolver& resolver,
                                                TasteColumns& columns) {
  size_t rows = 0;
  for (const LoggedBlock& block : blocks) rows += block.count;
  resolver.begin(blocks.front().first, rows);
  for (const LoggedBlock& block : blocks) {
    const auto add = [&]() -> Status {
      TRY(columns.load(block.bytes, *parts.types));
      return resolver.add(columns, {.first = block.first, .from = position.events}, view);
    };
    const Status added = add();
    if (added) continue;
    return std::unexpected(
        added.error().within(to_string(Position{Stream::kEvents, 0, block.first})));
  }
  ResolvedBlock resolved = resolver.finish(view.size());
  popularity.add(resolver.changes());
  return resolved;
}

Status LiveState::State::resolve_all(std::span<const LoggedBlock> blocks, Gathered& gathered,
                                     ThreadPool& pool) {
  std::vector<Result<ResolvedBlock>> resolved((blocks.size() + kBlocksTogether - 1) /
                                              kBlocksTogether);
  while (gathered.resolvers.size() < pool.size()) {
    gathered.resolvers.emplace_back(*parts.types, *parts.hash);
  }
  std::vector<TasteColumns> columns(pool.size());
  {
    const Catalogue::View view = catalogue.view();
    TRY(pool.for_blocks(resolved.size(), [&](size_t r, size_t worker) {
      const size_t begin = r * kBlocksTogether;
      const size_t count = std::min(kBlocksTogether, blocks.size() - begin);
      resolved[r] =
          resolve(blocks.subspan(begin, count), view, gathered.resolvers[worker], columns[worker]);
      if (resolved[r]) resolved[r]->resolver = worker;
    }));
  }
  for (Result<ResolvedBlock>& block : resolved) gather(TRY(std::move(block)), gathered);
  return {};
}

Status LiveState::State::catch_up_items(const EventLog& log, const std::stop_token& stop) {
  return log.read({Stream::kItems, 0, items}, [&](const EventLog::Block& block) -> Status {
    TRY(check_stop(stop));
    const std::vector<ItemRecord> records = TRY(decode_items(block.bytes));
    for (size_t i = 0; i < records.size(); ++i) {
      if (block.first.offset + i >= items) TRY(catalogue.apply(records[i]));
    }
    const std::lock_guard lock(mutex);
    items = block.first.offset + records.size();
    return {};
  });
}

Status LiveState::State::catch_up_users(const EventLog& log, const std::stop_token& stop,
                                        LiveState& self) {
  return log.read({Stream::kUsers, 0, position.users}, [&](const EventLog::Block& block) -> Status {
    TRY(check_stop(stop));
    return self.apply_users(block.first, TRY(decode_users(block.bytes)));
  });
}

Status LiveState::State::fold_log(const EventLog& log, const std::stop_token& stop,
                                  Progress& progress) {
  ThreadPool pool;
  std::vector<LoggedBlock> blocks;
  Gathered gathered(position.events);
  const auto fold_gathered = [&]() -> Status {
    Gathered all = std::exchange(gathered, Gathered(gathered.end));
    return all.entries < parts.bulk_entries_min ? fold(std::move(all))
                                                : fold_bulk(std::move(all), pool);
  };
  const auto resolve_read = [&]() -> Status {
    TRY(resolve_all(blocks, gathered, pool));
    const uint64_t before = gathered.end;
    if (!blocks.empty()) gathered.end = blocks.back().first + blocks.back().count;
    progress.add(gathered.end - before);
    blocks.clear();
    return gathered.bytes() < kGatheredBytesMax ? Status() : fold_gathered();
  };
  TRY(log.read({Stream::kEvents, 0, position.events}, [&](const EventLog::Block& block) -> Status {
    TRY(check_stop(stop));
    blocks.push_back({block.first.offset, block.count, std::string(block.bytes)});
    return blocks.size() < kBlocksAtOnce ? Status() : resolve_read();
  }));
  TRY(resolve_read());
  return gathered.end > position.events ? fold_gathered() : Status();
}

Status LiveState::State::catch_up_events(const EventLog& log, const std::stop_token& stop) {
  uint64_t end = position.events;
  for (const Position& p : TRY(log.ends())) {
    if (p.stream == Stream::kEvents && p.partition == 0) end = p.offset;
  }
  if (end <= position.events) return {};
  const bool many = end - position.events >= kManyEvents;
  Progress progress("folding events", end - position.events, "events");
  if (many) give_memory_back();  // of an import
  Status folded = undo_unless(fold_log(log, stop, progress));
  if (many) give_memory_back();
  return folded;
}

// What was gathered but not written leaves popularity ahead of the store.
Status LiveState::State::undo_unless(Status folded) {
  if (!folded && loaded) loaded = load_popularity().has_value();
  return folded;
}

LiveState::LiveState(Parts parts) : state_(std::make_unique<State>()) {
  state_->parts = std::move(parts);
  state_->position = state_->fresh_position();
}
LiveState::~LiveState() = default;

Status LiveState::catch_up(const EventLog& log, std::stop_token stop, bool catalogue_only) {
  if (catalogue_only || !state_->loaded) TRY(state_->load(!catalogue_only));
  TRY(state_->catch_up_items(log, stop));
  if (catalogue_only) return {};
  TRY(state_->catch_up_users(log, stop, *this));
  return state_->catch_up_events(log, stop);
}

Status LiveState::apply_events(Position first, std::span<const EventView> rows) {
  TRY(state_->check_no_gap(first, state_->position.events));
  const uint64_t end = first.offset + rows.size();
  if (end <= state_->position.events) return {};
  Gathered gathered(end);
  {
    const Catalogue::View view = state_->catalogue.view();
    Resolver& resolver = gathered.resolvers.emplace_back(*state_->parts.types, *state_->parts.hash);
    resolver.begin(first.offset, rows.size());
    TRY(resolver.add(rows, {.first = first.offset, .from = state_->position.events}, view));
    ResolvedBlock resolved = resolver.finish(view.size());
    state_->popularity.add(resolver.changes());
    state_->gather(std::move(resolved), gathered);
  }
  return state_->undo_unless(state_->fold(std::move(gathered)));
}

Status LiveState::apply_items(Position first, std::span<const ItemRecord> items) {
  TRY(state_->check_no_gap(first, state_->items));
  for (size_t i = 0; i < items.size(); ++i) {
    if (first.offset + i < state_->items) continue;
    TRY(state_->catalogue.apply(items[i]));
    const std::lock_guard lock(state_->mutex);
    state_->items = first.offset + i + 1;
  }
  state_->moved.notify_all();
  return {};
}

Status LiveState::apply_users(Position first, std::span<const UserRecord> users) {
  TRY(state_->check_no_gap(first, state_->position.users));
  const uint64_t reached = state_->position.users;
  if (first.offset + users.size() <= reached) return {};
  const FoldParts parts = state_->fold_parts();
  std::vector<StateStore::Put> puts;
  for (size_t i = reached > first.offset ? reached - first.offset : 0; i < users.size(); ++i) {
    // A later record of the same user in this batch replaces the whole profile: reading the state
    // of before is right for each, and the last write wins.
    UserState state = TRY(read_user(parts, users[i].id)).value_or(UserState{});
    state.name = users[i].id;
    state.profile = users[i];
    state.has_profile = true;
    puts.push_back(
        {user_key(parts.hash->user(users[i].id)), encode_user_state(state, *parts.types)});
  }
  LivePosition next = state_->position;
  next.users = first.offset + users.size();
  return state_->write(std::move(puts), next);
}

AsOf LiveState::as_of() const {
  const std::lock_guard lock(state_->mutex);
  return {{Stream::kEvents, 0, state_->position.events},
          {Stream::kItems, 0, state_->items},
          {Stream::kUsers, 0, state_->position.users}};
}

bool LiveState::wait_for(const Position& position, int64_t deadline_us) const {
  const auto reached = [&] {
    if (position.offset == 0) return true;
    if (position.partition != 0) return false;
    switch (position.stream) {
      case Stream::kEvents:
        return state_->position.events >= position.offset;
      case Stream::kItems:
        return state_->items >= position.offset;
      case Stream::kUsers:
        return state_->position.users >= position.offset;
    }
    return false;
  };
  std::unique_lock lock(state_->mutex);
  return state_->moved.wait_for(lock, std::chrono::microseconds(std::max<int64_t>(deadline_us, 0)),
                                reached);
}

Result<std::optional<UserState>> LiveState::user(std::string_view external_id) const {
  const Parts& parts = state_->parts;
  const FoldParts reading{
      .types = parts.types, .hash = parts.hash, .store = parts.store, .limits = parts.limits};
  return read_user(reading, external_id);
}

Result<uint64_t> LiveState::users_count() const {
  uint64_t count = 0;
  TRY(state_->parts.store->scan("u", [&](std::string_view, std::string_view) {
    ++count;
    return true;
  }));
  return count;
}

const Catalogue& LiveState::catalogue() const { return state_->catalogue; }
const KeyedHash& LiveState::hash() const { return *state_->parts.hash; }

double LiveState::item_popularity(ItemIx ix, TimeUs now) const {
  return state_->popularity.read(ix, now);
}

std::vector<double> LiveState::item_popularity(std::span<const ItemIx> items, TimeUs now) const {
  return state_->popularity.read(items, now);
}

}  // namespace palate
