#include "features/fold.h"

#include <algorithm>

#include "base/hash.h"

namespace palate {
namespace {

// Below this many users in a batch, cutting it costs more than it saves.
constexpr size_t kUsersPerPartition = 512;
constexpr size_t kPartitions = 64;
// States read at once: bounds memory at about 256 x 100 KB.
constexpr size_t kStatesAtOnce = 256;
// Look-ups of users in flight: the slot first, then the name it leads to.
constexpr size_t kSlotsAhead = 16, kNamesAhead = 8;

struct UserOfBlock {
  uint32_t block = 0, user = 0;
};
using Partition = std::vector<UserOfBlock>;  // in log order

std::vector<Partition> cut(std::span<const ResolvedBlock> blocks) {
  size_t users = 0;
  for (const ResolvedBlock& block : blocks) users += block.users.size();
  std::vector<Partition> partitions(users < kUsersPerPartition * 2 ? 1 : kPartitions);
  const int shift = partitions.size() == 1 ? 63 : 64 - 6;
  for (uint32_t b = 0; b < blocks.size(); ++b) {
    for (uint32_t u = 0; u < blocks[b].users.size(); ++u) {
      const uint64_t p = partitions.size() == 1 ? 0 : blocks[b].users[u].hash >> shift;
      partitions[p].push_back({b, u});
    }
  }
  return partitions;
}

// The places of one user in a partition, as chains: head of each user, next of each place.
struct Chains {
  std::vector<std::string_view> names;
  std::vector<uint32_t> head, tail;
  std::vector<uint32_t> next;
  std::vector<std::span<const HistoryEntry>> entries;  // at each place
  static constexpr uint32_t kEnd = 0xffffffff;
};

Chains chain_users(std::span<const ResolvedBlock> blocks, const Partition& partition) {
  Chains chains;
  NameTable table(partition.size());
  chains.next.assign(partition.size(), Chains::kEnd);
  chains.entries.reserve(partition.size());
  for (uint32_t i = 0; i < partition.size(); ++i) {
    const ResolvedBlock::User& user = blocks[partition[i].block].users[partition[i].user];
    chains.entries.push_back(
        std::span(blocks[partition[i].block].entries).subspan(user.begin, user.end - user.begin));
    const uint32_t number = table.number(user.hash, user.name);
    if (number == chains.head.size()) {
      chains.names.push_back(user.name);
      chains.head.push_back(i);
      chains.tail.push_back(i);
    } else {
      chains.next[chains.tail[number]] = i;
      chains.tail[number] = i;
    }
  }
  return chains;
}

// All entries of one user. They lie far apart: each place is fetched while others are copied.
void gather_entries(const Chains& chains, size_t user, std::vector<HistoryEntry>& entries) {
  for (uint32_t i = chains.head[user]; i != Chains::kEnd; i = chains.next[i]) {
    __builtin_prefetch(chains.entries[i].data());
    __builtin_prefetch(chains.entries[i].data() + 2);
  }
  entries.clear();
  for (uint32_t i = chains.head[user]; i != Chains::kEnd; i = chains.next[i]) {
    entries.insert(entries.end(), chains.entries[i].begin(), chains.entries[i].end());
  }
}

Result<UserState> decode_or_new(const std::optional<std::string>& bytes, std::string_view name,
                                const EventTypes& types) {
  if (bytes) return decode_user_state(*bytes, types);
  UserState state;
  state.name = name;
  return state;
}

Result<std::vector<std::optional<std::string>>> read_states(const FoldParts& parts,
                                                            std::span<const std::string> keys) {
  if (parts.store_is_empty) return std::vector<std::optional<std::string>>(keys.size());
  return parts.store->multi_get(keys);
}

Result<std::vector<StateStore::Put>> fold_partition(const FoldParts& parts,
                                                    std::span<const ResolvedBlock> blocks,
                                                    const Partition& partition) {
  const Chains chains = chain_users(blocks, partition);
  std::vector<StateStore::Put> puts;
  puts.reserve(chains.names.size());
  std::vector<std::string> keys;
  std::vector<HistoryEntry> entries;
  for (size_t begin = 0; begin < chains.names.size(); begin += kStatesAtOnce) {
    const size_t end = std::min(begin + kStatesAtOnce, chains.names.size());
    keys.clear();
    for (size_t u = begin; u < end; ++u)
      keys.push_back(user_key(parts.hash->user(chains.names[u])));
    const auto values = TRY(read_states(parts, keys));
    for (size_t u = begin; u < end; ++u) {
      gather_entries(chains, u, entries);
      UserState state = TRY(decode_or_new(values[u - begin], chains.names[u], *parts.types));
      fold_events(state, entries, parts.limits);
      puts.push_back({keys[u - begin], encode_user_state(state, *parts.types)});
    }
  }
  return puts;
}

// Counting sort by user; stable, so that each user's entries stay in log order.
void gather_by_user(ResolvedBlock& block, std::span<const uint32_t> user_of) {
  std::vector<uint32_t> next(block.users.size() + 1);
  for (const uint32_t user : user_of) ++next[user + 1];
  for (size_t u = 0; u < block.users.size(); ++u) {
    next[u + 1] += next[u];
    block.users[u].begin = next[u];
    block.users[u].end = next[u + 1];
  }
  std::vector<HistoryEntry> sorted(block.entries.size());
  for (size_t i = 0; i < user_of.size(); ++i) sorted[next[user_of[i]]++] = block.entries[i];
  block.entries = std::move(sorted);
}

std::vector<ItemIx> items_of(std::span<const ItemPopularity::Change> changes, size_t items_count) {
  constexpr size_t kSparse = 64;  // fewer changes than one in so many items are sorted
  std::vector<ItemIx> items;
  if (changes.size() * kSparse < items_count) {
    for (const ItemPopularity::Change& change : changes) items.push_back(change.item);
    std::sort(items.begin(), items.end());
    items.erase(std::unique(items.begin(), items.end()), items.end());
    return items;
  }
  std::vector<bool> changed(items_count);
  for (const ItemPopularity::Change& change : changes) changed[change.item.value] = true;
  for (uint32_t i = 0; i < items_count; ++i) {
    if (changed[i]) items.push_back(ItemIx{i});
  }
  return items;
}

}  // namespace

std::string user_key(const UserId& id) {
  std::string key("u");
  key += id.bytes();
  return key;
}

Result<std::optional<UserState>> read_user(const FoldParts& parts, std::string_view name) {
  const auto bytes = TRY(parts.store->get(user_key(parts.hash->user(name))));
  if (!bytes) return std::optional<UserState>();
  return std::optional<UserState>(TRY(decode_user_state(*bytes, *parts.types)));
}

size_t ResolvedBlock::bytes() const {
  constexpr size_t kNameBytesGuess = 16;
  return entries.size() * sizeof(HistoryEntry) + users.size() * (sizeof(User) + kNameBytesGuess);
}

Resolver::Resolver(Parts parts) : parts_(parts), users_(parts.rows_max) {
  user_of_.reserve(parts.rows_max);
  block_.entries.reserve(parts.rows_max);
  block_.changes.reserve(parts.rows_max);
}

Status Resolver::add(const ResolveRequest& request) {
  const EventTypes& types = *parts_.types;
  hashes_.clear();
  for (const EventView& row : request.rows) hashes_.push_back(hash64(row.user));
  for (size_t i = 0; i < request.rows.size(); ++i) {
    if (i + kSlotsAhead < hashes_.size()) users_.prefetch(hashes_[i + kSlotsAhead]);
    if (i + kNamesAhead < hashes_.size()) users_.prefetch_name(hashes_[i + kNamesAhead]);
    const EventView& row = request.rows[i];
    const uint64_t offset = request.first + i;
    if (offset < request.from || row.item.empty() || row.type.value >= types.size()) continue;
    const float preference = types.preference(row.type, row.value);
    if (preference == 0) continue;
    const auto item = parts_.items->find(row.item);
    if (!item) {
      return fail(Code::kCorrupt, "{}: item '{}' is not in the item log",
                  to_string(Position{Stream::kEvents, 0, offset}), row.item);
    }
    block_.entries.push_back(
        {*item, row.type, static_cast<float>(row.value), preference, row.ts, offset});
    const size_t users = users_.size();
    const uint32_t user = users_.number(hashes_[i], row.user);
    if (user == users) users_.move_name(user, block_.names.copy(row.user));
    user_of_.push_back(user);
    if (preference > 0) {
      block_.changes.push_back(ItemPopularity::change(*item, preference, row.ts, row.received));
    }
  }
  return {};
}

ResolvedBlock Resolver::finish() && {
  for (const NameTable::Name& user : users_.names()) {
    block_.users.push_back({user.hash, user.name});
  }
  gather_by_user(block_, user_of_);
  block_.changed = items_of(block_.changes, parts_.items->size());
  return std::move(block_);
}

Result<std::vector<StateStore::Put>> fold_blocks(const FoldParts& parts,
                                                 std::span<const ResolvedBlock> blocks,
                                                 ThreadPool* pool) {
  const std::vector<Partition> partitions = cut(blocks);
  std::vector<Result<std::vector<StateStore::Put>>> folded(partitions.size());
  const auto fold_one = [&](size_t p, size_t) {
    folded[p] = fold_partition(parts, blocks, partitions[p]);
  };
  if (pool != nullptr && partitions.size() > 1) {
    TRY(pool->for_blocks(partitions.size(), fold_one));
  } else {
    for (size_t p = 0; p < partitions.size(); ++p) fold_one(p, 0);
  }
  std::vector<StateStore::Put> puts;
  for (auto& part : folded) {
    auto some = TRY(std::move(part));
    puts.insert(puts.end(), std::make_move_iterator(some.begin()),
                std::make_move_iterator(some.end()));
  }
  // Ascending keys go into a sorted store with far fewer cache misses.
  std::sort(puts.begin(), puts.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return puts;
}

}  // namespace palate
