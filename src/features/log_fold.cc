#include "features/log_fold.h"

#include <algorithm>
#include <utility>

#include "base/progress.h"
#include "base/stop.h"
#include "events/block.h"
#include "features/state_writes.h"

namespace palate {
namespace {

// Events are gathered by user until they take so much memory: users are then read and written once
// for all of them.
constexpr size_t kGatheredBytesMax = size_t{288} << 20;
// Blocks of at most 64 KiB that are read before they are resolved side by side, so many by one
// thread. Fixed, so that bytes do not depend on threads.
constexpr size_t kBlocksAtOnce = 128;
constexpr size_t kBlocksTogether = 8;
// That many users' states are written to at once.
constexpr size_t kBulkFiles = 16;
static_assert(kUserPartitions % kBulkFiles == 0);

}  // namespace

// What was resolved and is still to be folded.
struct LogFold::Gathered {
  explicit Gathered(uint64_t events_end) : end(events_end) {}
  uint64_t end;  // of the events in the log
  std::vector<Resolver> resolvers;
  std::vector<ResolvedBlock> blocks;
  std::vector<ItemIx> changed;            // items whose popularity is ahead of the store
  std::vector<EventWeight> weights = {};  // for [features]
  size_t entries = 0, signals = 0;

  void add(ResolvedBlock block) {
    changed.insert(changed.end(), block.changed.begin(), block.changed.end());
    block.changed = {};
    entries += block.entries.size();
    signals += block.signals.size();
    blocks.push_back(std::move(block));
  }
  [[nodiscard]] size_t bytes() const {
    size_t sum = entries * sizeof(TasteEntry) +
                 signals * (sizeof(Signal) + sizeof(EventWeight) + sizeof(LikedTogether));
    for (const Resolver& resolver : resolvers) sum += resolver.users().bytes;
    return sum;
  }
  [[nodiscard]] FoldInput input(uint64_t first) {
    if (signals > 0) weights.resize(end - first);
    FoldInput input{.blocks = blocks, .users = {}, .first = first, .weights = weights};
    for (const Resolver& resolver : resolvers) input.users.push_back(&resolver.users());
    return input;
  }
};

Result<ResolvedBlock> resolve_blocks(std::span<const LoggedBlock> blocks, const ResolveParts& parts,
                                     Resolver& resolver, TasteColumns& columns) {
  size_t rows = 0;
  for (const LoggedBlock& block : blocks) rows += block.count;
  resolver.begin(blocks.front().first, rows);
  for (const LoggedBlock& block : blocks) {
    const auto add = [&]() -> Status {
      const Resolver::Place place{.first = block.first, .from = parts.from};
      if (parts.all_events) {
        const EventBatch batch = TRY(decode_events(block.bytes, *parts.types));
        return resolver.add(batch.rows, place, *parts.view);
      }
      TRY(columns.load(block.bytes, *parts.types));
      return resolver.add(columns, place, *parts.view);
    };
    const Status added = add();
    if (added) continue;
    return std::unexpected(
        added.error().within(to_string(Position{Stream::kEvents, 0, block.first})));
  }
  ResolvedBlock resolved = resolver.finish(parts.view->size());
  parts.popularity->add(resolver.changes());
  return resolved;
}

Status LogFold::resolve_all(std::span<const LoggedBlock> blocks, Gathered& gathered,
                            ThreadPool& pool) {
  std::vector<Result<ResolvedBlock>> resolved((blocks.size() + kBlocksTogether - 1) /
                                              kBlocksTogether);
  while (gathered.resolvers.size() < pool.size()) {
    gathered.resolvers.emplace_back(*parts_.fold.types, *parts_.fold.hash, parts_.signals);
  }
  std::vector<TasteColumns> columns(pool.size());
  {
    const Catalogue::View view = parts_.catalogue->view();
    const ResolveParts parts{.types = parts_.fold.types,
                             .view = &view,
                             .popularity = parts_.popularity,
                             .all_events = parts_.signals != nullptr,
                             .from = position_.events};
    TRY(pool.for_blocks(resolved.size(), [&](size_t r, size_t worker) {
      const size_t begin = r * kBlocksTogether;
      const size_t count = std::min(kBlocksTogether, blocks.size() - begin);
      resolved[r] = resolve_blocks(blocks.subspan(begin, count), parts, gathered.resolvers[worker],
                                   columns[worker]);
      if (resolved[r]) resolved[r]->resolver = worker;
    }));
  }
  for (Result<ResolvedBlock>& block : resolved) gathered.add(TRY(std::move(block)));
  return {};
}

Status LogFold::fold_users(UserFold& users, StateStore::Bulk& bulk, ThreadPool& pool) const {
  const auto write_file = [&](size_t file) -> Status {
    std::unique_ptr<StateStore::Bulk::Part> part;
    constexpr size_t kTogether = kUserPartitions / kBulkFiles;
    for (size_t p = file * kTogether; p < (file + 1) * kTogether; ++p) {
      TRY(users.fold({p, p + 1}, [&](std::string_view key, std::string_view state) -> Status {
        if (part == nullptr) part = TRY(bulk.part());
        return part->add(key, state);
      }));
    }
    return part == nullptr ? Status() : part->finish();
  };
  std::vector<Status> written(kBulkFiles);
  TRY(pool.for_blocks(kBulkFiles, [&](size_t file, size_t) { written[file] = write_file(file); }));
  for (Status& status : written) TRY(std::move(status));
  return {};
}

// In the order of the log, with what folding the users said of each event.
void LogFold::fold_items(Gathered& gathered, const UserFold& users) const {
  std::vector<LikedTogether> liked;
  for (size_t p = 0; p < kUserPartitions; ++p) {
    liked.insert(liked.end(), users.liked(p).begin(), users.liked(p).end());
  }
  std::ranges::stable_sort(liked, {}, &LikedTogether::offset);
  const Catalogue::View view = parts_.catalogue->view();
  for (const ResolvedBlock& block : gathered.blocks) {
    fold_item_side({.signals = block.signals,
                    .first = position_.events,
                    .weights = gathered.weights,
                    .liked = liked,
                    .items = &view},
                   {parts_.popularity, parts_.signals}, gathered.changed);
  }
}

// Through tables that are written side by side; all other keys lie before those of users.
Status LogFold::fold(Gathered gathered, ThreadPool& pool) {
  const std::unique_ptr<StateStore::Bulk> bulk = TRY(parts_.store->bulk());
  FoldParts reading = parts_.fold;
  reading.store_is_empty = position_.events == 0 && position_.users == 0;
  UserFold users(reading, gathered.input(position_.events));
  TRY(fold_users(users, *bulk, pool));
  StateWrite head{.users = {}, .items = {}, .position = position_};
  head.position.events = gathered.end;
  if (parts_.signals != nullptr) {
    fold_items(gathered, users);
    head.items = parts_.signals->puts(parts_.signals->take_changed());
  }
  add_popularity(head, gathered.changed, *parts_.popularity);
  TRY(write_tables(*bulk, head, *parts_.fold.types));
  TRY(bulk->commit());
  position_ = head.position;
  parts_.moved(position_);
  return {};
}

Status LogFold::run(const EventLog& log, const LivePosition& position,
                    const std::stop_token& stop) {
  position_ = position;
  uint64_t end = position.events;
  for (const Position& p : TRY(log.ends())) {
    if (p.stream == Stream::kEvents && p.partition == 0) end = p.offset;
  }
  Progress progress("folding events", end - position.events, "events");
  ThreadPool pool;
  std::vector<LoggedBlock> blocks;
  Gathered gathered(position.events);
  const auto fold_gathered = [&] {
    return fold(std::exchange(gathered, Gathered(gathered.end)), pool);
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
  return gathered.end > position_.events ? fold_gathered() : Status();
}

}  // namespace palate
