#include "features/state_writes.h"

#include <algorithm>

namespace palate {
namespace {

constexpr size_t kUsersInTablesMin = 4096;

Status write_tables(StateStore& store, const StateWrite& write, const EventTypes& types) {
  const std::unique_ptr<StateStore::Bulk> bulk = TRY(store.bulk());
  const auto part = TRY(bulk->part());
  // 'i' < 'p' < 'u'
  for (const StateStore::Put& put : write.popularity) TRY(part->add(put.key, *put.value));
  TRY(part->add(kLivePositionKey, encode_live_position(write.position)));
  std::string bytes;
  for (const UserStates::Changed& user : write.users) {
    encode_user_state(*user.state, types, bytes);
    TRY(part->add(user_key(user.id), bytes));
  }
  TRY(part->finish());
  return bulk->commit();
}

}  // namespace

std::vector<StateStore::Put> popularity_puts(std::vector<ItemIx>& items,
                                             const ItemPopularity& popularity) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  std::vector<StateStore::Put> puts;
  puts.reserve(items.size());
  for (const ItemIx ix : items) {
    std::string key("i");
    for (int shift = 24; shift >= 0; shift -= 8) key += static_cast<char>(ix.value >> shift);
    puts.push_back({std::move(key), popularity.encode(ix)});
  }
  return puts;
}

ItemIx item_of_key(std::string_view key) {
  ItemIx ix{0};
  for (const char c : key.substr(1)) ix.value = ix.value << 8 | static_cast<uint8_t>(c);
  return ix;
}

Status write_state(StateStore& store, const StateWrite& write, const EventTypes& types) {
  if (write.users.size() >= kUsersInTablesMin) return write_tables(store, write, types);
  std::vector<StateStore::Put> puts = write.popularity;
  for (const UserStates::Changed& user : write.users) {
    puts.push_back({user_key(user.id), encode_user_state(*user.state, types)});
  }
  puts.push_back({std::string(kLivePositionKey), encode_live_position(write.position)});
  return store.write(puts);
}

}  // namespace palate
