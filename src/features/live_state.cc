#include "features/live_state.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/log.h"
#include "base/memory.h"
#include "base/stop.h"
#include "events/block.h"
#include "features/live_position.h"
#include "features/log_fold.h"
#include "features/spec.h"
#include "features/state_writes.h"
#include "features/user_side.h"
#include "features/write_behind.h"

namespace palate {
namespace {

// So many rows are folded in memory together: bounds what a large batch needs.
constexpr size_t kRowsAtOnce = 16 * 1024;
constexpr size_t kDropAtOnce = 10'000;

// Entries put together by user, of each in log order.
struct ByUser {
  std::vector<UserId> ids;
  std::vector<std::string_view> names;
  std::vector<HistoryEntry> entries;
  std::vector<uint32_t> begin;  // of each user, and the end
  [[nodiscard]] std::span<const HistoryEntry> of(size_t user) const {
    return std::span(entries).subspan(begin[user], begin[user + 1] - begin[user]);
  }
};

ByUser by_user(const ResolvedBlock& block, const Resolver::Users& users) {
  constexpr uint32_t kAbsent = 0xffffffff;
  std::vector<uint32_t> place(users.ids.size(), kAbsent);
  ByUser out;
  for (const TasteEntry& entry : block.entries) {
    if (place[entry.user] == kAbsent) {
      place[entry.user] = static_cast<uint32_t>(out.ids.size());
      out.ids.push_back(users.ids[entry.user]);
      out.names.push_back(users.table.names()[entry.user].name);
      out.begin.push_back(0);
    }
    ++out.begin[place[entry.user]];
  }
  out.begin.push_back(0);
  uint32_t sum = 0;
  for (uint32_t& begin : out.begin) sum += std::exchange(begin, sum);
  std::vector<uint32_t> next = out.begin;
  out.entries.resize(sum);
  for (const TasteEntry& entry : block.entries) {
    out.entries[next[place[entry.user]]++] = history_entry(entry, block.first);
  }
  return out;
}

// A copy with room for more; readers may hold the one that is copied.
std::shared_ptr<UserState> successor(const UserStates::Ref& before, std::string_view name,
                                     size_t more) {
  auto next = std::make_shared<UserState>();
  if (before == nullptr) {
    next->name = name;
    return next;
  }
  next->name = before->name;
  next->history.reserve(before->history.size() + more);
  next->history = before->history;
  next->consumed = before->consumed;
  next->profile = before->profile;
  next->has_profile = before->has_profile;
  next->activity = before->activity;
  return next;
}

}  // namespace

struct LiveState::State {
  explicit State(Parts p)
      : parts(std::move(p)),
        users({parts.store, parts.types, parts.user_bytes_max}),
        behind([this] { return flush(); }, parts.write_delay) {
    if (parts.features.keeps_activity()) {
      signals = std::make_unique<ItemSignals>(parts.features, *parts.types);
    }
    position = fresh_position();
  }

  Parts parts;
  Catalogue catalogue;
  ItemPopularity popularity;
  std::unique_ptr<ItemSignals> signals;  // with [features]
  UserStates users;
  std::mutex writing;  // held by whoever changes popularity, users or position, or copies all three
  std::vector<ItemIx> changed_items;  // whose popularity is ahead of the store; guarded by writing
  bool loaded = false;                // popularity and position belong together; guarded by writing
  bool reader = false;                // nothing is written
  // Folding holds `moving`, whoever wants to read one moment holds it shared. Whoever waits for
  // either holds `turn`, so that many readers cannot keep the writer out.
  mutable std::mutex turn;
  mutable std::shared_mutex moving;
  bool past_memory = false;  // folding into the store; changed while `moving` is held
  mutable std::mutex mutex;
  mutable std::condition_variable moved;
  uint64_t items = 0;  // both guarded by mutex; written by the one writer only
  LivePosition position;
  LivePosition written;  // what the store has; guarded by writing
  WriteBehind behind;    // last: its thread uses all of the above

  [[nodiscard]] std::unique_lock<std::shared_mutex> move() const {
    const std::lock_guard mine(turn);
    return std::unique_lock(moving);
  }
  LivePosition fresh_position() const;
  void move_to(const LivePosition& next);
  Status load(const EventLog& log, bool may_rebuild);
  Status load_one_moment(const EventLog& log, bool may_rebuild);
  Status load_item_side();
  Status drop();
  Status check_no_gap(Position first, uint64_t reached) const;
  Status make_room();
  Status apply_item(const ItemRecord& record, uint64_t reached);
  Status fold_in_memory(const ResolvedBlock& block, const Resolver& resolver,
                        const LivePosition& reached);
  Status fold_rows(Position first, std::span<const EventView> rows);
  Status fold_users(Position first, std::span<const UserRecord> records);
  Status forget(std::span<const UserId> ids);
  Status check_begin(const EventLog& log, uint64_t from) const;
  Status go_to_begin(const EventLog& log);
  Status flush();
  Status catch_up_items(const EventLog& log, const std::stop_token& stop);
  Status catch_up_users(const EventLog& log, const std::stop_token& stop);
  Status catch_up_events(const EventLog& log, const std::stop_token& stop);
  Status fold_tail(const EventLog& log, const std::stop_token& stop);
  Status fold_into_store(const EventLog& log, const std::stop_token& stop);
};

LivePosition LiveState::State::fresh_position() const {
  return {.spec_hash = feature_spec_hash(),
          .event_types = parts.types->fingerprint(),
          .features = parts.features.fingerprint(),
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

// ---- what is in the store -------------------------------------------------------------------

Status LiveState::State::load_item_side() {
  if (signals) TRY(signals->load(*parts.store, catalogue.view()));
  popularity.clear();
  Status status;
  TRY(parts.store->scan("i", [&](std::string_view key, std::string_view value) {
    status = popularity.decode(item_of_key(key), value);
    return status.has_value();
  }));
  return status;
}

// Everything as the store has it.
Status LiveState::State::load(const EventLog& log, bool may_rebuild) {
  const std::lock_guard lock(writing);
  const auto bytes = TRY(parts.store->get(kLivePositionKey));
  LivePosition next = fresh_position();
  if (bytes) {
    const LivePosition stored = TRY(decode_live_position(*bytes));
    if (stored.same_meaning(next)) {
      next = stored;
    } else if (may_rebuild) {
      TRY(check_begin(log, 0));
      log_info("features or event types have changed: the state of users is rebuilt from the log");
      TRY(drop());
    } else {
      return fail(Code::kUnsupportedVersion,
                  "the state was folded by other features or event types than this program's: use "
                  "the writer's program and configuration");
    }
  }
  TRY(load_item_side());
  if (TRY(parts.store->get(kLivePositionKey)) != bytes) {
    return fail(Code::kBusy, "the state was written while it was read: read it again");
  }
  users.clear();
  changed_items.clear();
  written = next;
  move_to(next);
  loaded = true;
  return {};
}

// A store that others write to meanwhile is read again.
Status LiveState::State::load_one_moment(const EventLog& log, bool may_rebuild) {
  constexpr int kTriesMax = 20;
  Status done;
  for (int i = 0; i < kTriesMax; ++i) {
    done = load(log, may_rebuild);
    if (done || done.error().code != Code::kBusy) return done;
  }
  return done;
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

// Everything up to now goes into the store, while the writer goes on.
Status LiveState::State::flush() {
  StateWrite write;
  std::vector<ItemIx> popular;
  ItemSignals::Changed counted;
  {
    const std::lock_guard lock(writing);
    if (reader || !loaded || position == written) return {};
    popular = std::exchange(changed_items, {});
    write = {users.take_changed(), {}, position};
    add_popularity(write, popular, popularity);
    if (signals) {
      counted = signals->take_changed();
      std::ranges::move(signals->puts(counted), std::back_inserter(write.items));
    }
  }
  Status done = write_state(*parts.store, write, *parts.types);
  users.settle(write.users, done.has_value());
  const std::lock_guard lock(writing);
  if (done) {
    written = write.position;
  } else {
    changed_items.insert(changed_items.end(), popular.begin(), popular.end());
    if (signals) signals->give_back(counted);
  }
  return done;
}

// Half of the memory may be ahead of the store before it is written without delay, and all of it
// before the writer waits.
Status LiveState::State::make_room() {
  const size_t ahead = users.unwritten_bytes();
  if (ahead > parts.user_bytes_max) return behind.flush();
  if (ahead > parts.user_bytes_max / 2) behind.hurry();
  return {};
}

// ---- folding in memory ----------------------------------------------------------------------

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

// All or nothing.
Status LiveState::State::fold_in_memory(const ResolvedBlock& block, const Resolver& resolver,
                                        const LivePosition& reached) {
  const ByUser by = by_user(block, resolver.users());
  const std::vector<UserStates::Ref> before = TRY(users.get_all(by.ids));
  std::vector<EventWeight> weights(
      block.signals.empty() ? 0 : block.signals.back().offset + 1 - block.first);
  std::vector<LikedTogether> liked;
  ItemSide side{block.first, weights, &liked};
  const UserRules rules{parts.types, parts.limits, &parts.features};
  std::vector<std::shared_ptr<UserState>> after;
  after.reserve(by.ids.size());
  for (size_t u = 0; u < by.ids.size(); ++u) {
    after.push_back(successor(before[u], by.names[u], by.of(u).size()));
    fold_user(*after[u], by.of(u), rules, signals ? &side : nullptr);
  }
  const auto still = move();
  const Catalogue::View view = catalogue.view();  // behind `moving`, as whoever holds it
  for (size_t u = 0; u < by.ids.size(); ++u) {
    users.put(by.ids[u], std::move(after[u]), before[u] == nullptr);
  }
  if (signals) {
    std::ranges::stable_sort(liked, {}, &LikedTogether::offset);
    fold_item_side({block.signals, block.first, weights, liked, &view},
                   {&popularity, signals.get()}, changed_items);
  }
  popularity.add(resolver.changes());
  changed_items.insert(changed_items.end(), block.changed.begin(), block.changed.end());
  move_to(reached);
  return {};
}

Status LiveState::State::fold_rows(Position first, std::span<const EventView> rows) {
  if (!reader) TRY(make_room());
  const std::lock_guard lock(writing);
  TRY(check_no_gap(first, position.events));
  LivePosition next = position;
  next.events = first.offset + rows.size();
  if (next.events <= position.events) return {};
  Resolver resolver(*parts.types, *parts.hash, signals.get());
  resolver.begin(first.offset, rows.size());
  ResolvedBlock block;
  {
    const Catalogue::View view = catalogue.view();
    TRY(resolver.add(rows, {.first = first.offset, .from = position.events}, view));
    block = resolver.finish(view.size());
  }
  return fold_in_memory(block, resolver, next);
}

Status LiveState::State::fold_users(Position first, std::span<const UserRecord> records) {
  if (!reader) TRY(make_room());
  const std::lock_guard lock(writing);
  TRY(check_no_gap(first, position.users));
  LivePosition next = position;
  next.users = first.offset + records.size();
  if (next.users <= position.users) return {};
  records = records.subspan(position.users - first.offset);
  // A later record of the same user replaces the whole profile.
  std::unordered_map<std::string_view, const UserRecord*> newest;
  for (const UserRecord& record : records) {
    if (!record.id.empty()) newest[record.id] = &record;
  }
  std::vector<UserId> ids;
  for (const auto& [id, record] : newest) ids.push_back(parts.hash->user(id));
  const std::vector<UserStates::Ref> before = TRY(users.get_all(ids));
  const auto still = move();
  size_t u = 0;
  for (const auto& [id, record] : newest) {
    auto state = successor(before[u], id, 0);
    state->profile = *record;
    state->has_profile = true;
    users.put(ids[u], std::move(state), before[u] == nullptr);
    ++u;
  }
  move_to(next);
  return {};
}

// Everything is in the store before, so that nothing comes back behind it.
Status LiveState::State::forget(std::span<const UserId> ids) {
  TRY(behind.flush());
  const std::lock_guard lock(writing);
  std::vector<StateStore::Put> puts;
  for (const UserId& id : ids) puts.push_back({user_key(id), std::nullopt});
  TRY(parts.store->write(puts));
  TRY(parts.store->sync());
  const auto still = move();
  for (const UserId& id : ids) users.drop(id);
  return {};
}

// ---- catching up ----------------------------------------------------------------------------

// The item's counts go where it belongs now. `reached` is the position behind it.
Status LiveState::State::apply_item(const ItemRecord& record, uint64_t reached) {
  const auto still = move();
  ItemTraits before;
  if (signals) {
    const Catalogue::View view = catalogue.view();
    before = view.traits(view.find(record.id).value_or(ItemIx{}));
  }
  const ItemIx item = TRY(catalogue.apply(record));
  if (signals) signals->move(item, before, catalogue.view().traits(item));
  const std::lock_guard lock(mutex);
  items = reached;
  return {};
}

Status LiveState::State::catch_up_items(const EventLog& log, const std::stop_token& stop) {
  return log.read({Stream::kItems, 0, items}, [&](const EventLog::Block& block) -> Status {
    TRY(check_stop(stop));
    const std::vector<ItemRecord> records = TRY(decode_items(block.bytes));
    for (size_t i = 0; i < records.size(); ++i) {
      const uint64_t at = block.first.offset + i;
      if (at >= items) TRY(apply_item(records[i], at + 1));
    }
    return {};
  });
}

Status LiveState::State::catch_up_users(const EventLog& log, const std::stop_token& stop) {
  if (reader && parts.reader_events_max == 0) return {};
  return log.read({Stream::kUsers, 0, position.users}, [&](const EventLog::Block& block) -> Status {
    TRY(check_stop(stop));
    return fold_users(block.first, TRY(decode_users(block.bytes)));
  });
}

Status LiveState::State::catch_up_events(const EventLog& log, const std::stop_token& stop) {
  uint64_t end = position.events;
  for (const Position& p : TRY(log.ends())) {
    if (p.stream == Stream::kEvents && p.partition == 0) end = p.offset;
  }
  const uint64_t left = end > position.events ? end - position.events : 0;
  if (left == 0) return {};
  TRY(go_to_begin(log));
  if (reader) return left <= parts.reader_events_max ? fold_tail(log, stop) : Status();
  return left < parts.bulk_entries_min ? fold_tail(log, stop) : fold_into_store(log, stop);
}

// Whether the log still has what follows event `from`.
Status LiveState::State::check_begin(const EventLog& log, uint64_t from) const {
  if (parts.rebuild_from_kept) return {};
  for (const Position& begin : TRY(log.begins())) {
    if (begin.stream != Stream::kEvents || begin.offset <= from) continue;
    return fail(Code::kConflict,
                "the state must be folded anew from event {} on, and the log begins at {}: "
                "histories would be those of what is kept. Go back to the program and the settings "
                "that folded it, or accept that (retention.rebuild_from_kept)",
                from, begin.offset);
  }
  return {};
}

Status LiveState::State::go_to_begin(const EventLog& log) {
  TRY(check_begin(log, position.events));
  for (const Position& begin : TRY(log.begins())) {
    if (begin.stream != Stream::kEvents || begin.offset <= position.events) continue;
    const std::lock_guard lock(writing);
    LivePosition next = position;
    next.events = begin.offset;
    move_to(next);
  }
  return {};
}

Status LiveState::State::fold_tail(const EventLog& log, const std::stop_token& stop) {
  return log.read({Stream::kEvents, 0, position.events},
                  [&](const EventLog::Block& block) -> Status {
                    TRY(check_stop(stop));
                    const EventBatch batch = TRY(decode_events(block.bytes, *parts.types));
                    return fold_rows(block.first, batch.rows);
                  });
}

Status LiveState::State::fold_into_store(const EventLog& log, const std::stop_token& stop) {
  TRY(behind.flush());
  const std::lock_guard lock(writing);
  const auto set_past_memory = [this](bool value) {
    const auto still = move();
    past_memory = value;
  };
  set_past_memory(true);
  give_memory_back();  // of an import
  users.clear();
  LogFold fold({.fold = {.types = parts.types,
                         .hash = parts.hash,
                         .store = parts.store,
                         .limits = parts.limits,
                         .features = &parts.features},
                .store = parts.store,
                .catalogue = &catalogue,
                .popularity = &popularity,
                .signals = signals.get(),
                .moved = [this](const LivePosition& next) {
                  written = next;
                  move_to(next);
                }});
  const Status folded = fold.run(log, position, stop);
  users.clear();  // what was read meanwhile may be older
  // What was gathered but not written leaves popularity ahead of the store.
  if (!folded) loaded = load_item_side().has_value();
  set_past_memory(false);
  give_memory_back();
  return folded;
}

// ---- the public side ------------------------------------------------------------------------

LiveState::LiveState(Parts parts) : state_(std::make_unique<State>(std::move(parts))) {}
LiveState::~LiveState() = default;

Status LiveState::catch_up(const EventLog& log, std::stop_token stop, bool reader) {
  {
    const std::lock_guard lock(state_->writing);
    state_->reader = reader;
  }
  if (reader || !state_->loaded) TRY(state_->load_one_moment(log, !reader));
  TRY(state_->catch_up_items(log, stop));
  TRY(state_->catch_up_users(log, stop));
  TRY(state_->catch_up_events(log, stop));
  if (!reader) state_->behind.changed();
  return {};
}

Status LiveState::apply_events(Position first, std::span<const EventView> rows) {
  // What was folded before an error stays: the rest is folded by catch_up().
  for (size_t done = 0; done < rows.size(); done += kRowsAtOnce) {
    TRY(state_->fold_rows({first.stream, first.partition, first.offset + done},
                          rows.subspan(done, std::min(kRowsAtOnce, rows.size() - done))));
  }
  state_->behind.changed();
  return {};
}

Status LiveState::apply_items(Position first, std::span<const ItemRecord> items) {
  TRY(state_->check_no_gap(first, state_->items));
  for (size_t i = 0; i < items.size(); ++i) {
    if (first.offset + i < state_->items) continue;
    TRY(state_->apply_item(items[i], first.offset + i + 1));
  }
  state_->moved.notify_all();
  return {};
}

Status LiveState::apply_users(Position first, std::span<const UserRecord> users) {
  TRY(state_->fold_users(first, users));
  state_->behind.changed();
  return {};
}

Status LiveState::forget(std::span<const UserId> users) { return state_->forget(users); }

Status LiveState::flush() { return state_->behind.flush(); }

AsOf LiveState::as_of() const {
  const std::lock_guard lock(state_->mutex);
  return {{Stream::kEvents, 0, state_->position.events},
          {Stream::kItems, 0, state_->items},
          {Stream::kUsers, 0, state_->position.users}};
}

LiveState::Hold LiveState::hold() const {
  const std::lock_guard mine(state_->turn);
  Hold hold(state_->moving);
  return state_->past_memory ? Hold() : std::move(hold);
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
      case Stream::kDecisions:
        break;
    }
    return false;
  };
  std::unique_lock lock(state_->mutex);
  return state_->moved.wait_for(lock, std::chrono::microseconds(std::max<int64_t>(deadline_us, 0)),
                                reached);
}

Result<std::shared_ptr<const UserState>> LiveState::user(std::string_view external_id) const {
  return user(state_->parts.hash->user(external_id));
}
Result<std::shared_ptr<const UserState>> LiveState::user(const UserId& id) const {
  return state_->users.get(id);
}

Result<uint64_t> LiveState::users_count() const {
  uint64_t count = 0;
  TRY(state_->parts.store->scan("u", [&](std::string_view, std::string_view) {
    ++count;
    return true;
  }));
  return count + state_->users.new_users();
}

const ItemPopularity& LiveState::popularity() const { return state_->popularity; }
const ItemSignals* LiveState::signals() const { return state_->signals.get(); }
const FeatureConfig& LiveState::features() const { return state_->parts.features; }
const HistoryLimits& LiveState::limits() const { return state_->parts.limits; }
const Catalogue& LiveState::catalogue() const { return state_->catalogue; }
const KeyedHash& LiveState::hash() const { return *state_->parts.hash; }
const EventTypes& LiveState::types() const { return *state_->parts.types; }

double LiveState::item_popularity(ItemIx ix, TimeUs now) const {
  return state_->popularity.read(ix, now);
}

std::vector<double> LiveState::item_popularity(std::span<const ItemIx> items, TimeUs now) const {
  return state_->popularity.read(items, now);
}

}  // namespace palate
