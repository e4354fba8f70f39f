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

// Of a key that add_popularity() made.
ItemIx item_of_key(std::string_view key);

// What changed between two positions of the log, as of the second one.
struct StateWrite {
  std::vector<UserStates::Changed> users;  // ascending by key
  std::vector<StateStore::Put> items;      // all but users and the position
  LivePosition position;
};
// `write.items` gets the popularity of these items as it is now. Sorts them and drops repeats.
void add_popularity(StateWrite& write, std::vector<ItemIx>& items,
                    const ItemPopularity& popularity);
// As tables of a bulk of many, without users if their tables were written already.
Status write_tables(StateStore::Bulk& bulk, const StateWrite& write, const EventTypes& types);
// All of it, or nothing. Very many users go as a table of their own, which does not make those wait
// who append to the log meanwhile.
Status write_state(StateStore& store, const StateWrite& write, const EventTypes& types);

}  // namespace palate
