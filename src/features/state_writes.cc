#include "features/state_writes.h"

#include <algorithm>

namespace palate {
namespace {

constexpr size_t kUsersInTablesMin = 4096;

// All but users; their keys come last.
std::vector<StateStore::Put> head_of(const StateWrite& write) {
  std::vector<StateStore::Put> puts = write.items;
  puts.push_back({std::string(kLivePositionKey), encode_live_position(write.position)});
  std::ranges::sort(puts, {}, &StateStore::Put::key);
  return puts;
}

}  // namespace

void add_popularity(StateWrite& write, std::vector<ItemIx>& items,
                    const ItemPopularity& popularity) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  write.items.reserve(write.items.size() + items.size());
  for (const ItemIx ix : items) {
    std::string key("i");
    for (int shift = 24; shift >= 0; shift -= 8) key += static_cast<char>(ix.value >> shift);
    write.items.push_back({std::move(key), popularity.encode(ix)});
  }
}

ItemIx item_of_key(std::string_view key) {
  ItemIx ix{0};
  for (const char c : key.substr(1)) ix.value = ix.value << 8 | static_cast<uint8_t>(c);
  return ix;
}

Status write_tables(StateStore::Bulk& bulk, const StateWrite& write, const EventTypes& types) {
  const auto part = TRY(bulk.part());
  for (const StateStore::Put& put : head_of(write)) TRY(part->add(put.key, *put.value));
  std::string bytes;
  for (const UserStates::Changed& user : write.users) {
    encode_user_state(*user.state, types, bytes);
    TRY(part->add(user_key(user.id), bytes));
  }
  return part->finish();
}

Status write_state(StateStore& store, const StateWrite& write, const EventTypes& types) {
  if (write.users.size() >= kUsersInTablesMin) {
    const std::unique_ptr<StateStore::Bulk> bulk = TRY(store.bulk());
    TRY(write_tables(*bulk, write, types));
    return bulk->commit();
  }
  std::vector<StateStore::Put> puts = head_of(write);
  for (const UserStates::Changed& user : write.users) {
    puts.push_back({user_key(user.id), encode_user_state(*user.state, types)});
  }
  return store.write(puts);
}

}  // namespace palate
