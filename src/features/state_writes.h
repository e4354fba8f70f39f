// How live state gets into the store: always together with the position that it has reached.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "features/item_popularity.h"
#include "features/live_position.h"
#include "features/user_states.h"
#include "store/state_store.h"

namespace palate {

// The items' popularity as it is now, ascending by key. Sorts `items` and drops repeats.
std::vector<StateStore::Put> popularity_puts(std::vector<ItemIx>& items,
                                             const ItemPopularity& popularity);
// Of a key that popularity_puts() made.
ItemIx item_of_key(std::string_view key);

// What changed between two positions of the log, as of the second one.
struct StateWrite {
  std::vector<UserStates::Changed> users;   // ascending by key
  std::vector<StateStore::Put> popularity;  // ascending by key
  LivePosition position;
};
// All of it, or nothing. Very many users go as a table of their own, which does not make those wait
// who append to the log meanwhile.
Status write_state(StateStore& store, const StateWrite& write, const EventTypes& types);

}  // namespace palate
