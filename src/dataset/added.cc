// A dataset with rows that the log does not have, or without some: Dataset::with(), only().
#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "base/hash.h"
#include "dataset/dataset.h"
#include "dataset/dataset_state.h"

namespace palate {
namespace {

// The names of `data` and behind them the new ones.
Result<ItemInterner> all_names(const Dataset& data, std::span<const std::string> more) {
  ItemInterner names;
  for (uint32_t item = 0; item < data.items(); ++item) {
    TRY(names.add(TRY(data.item_name({item}))));
  }
  for (const std::string& name : more) TRY(names.add(name));
  if (names.size() != data.items() + more.size()) {
    return fail(Code::kInvalidArgument, "an added item is in the dataset already");
  }
  return names;
}

// The number of each user in the new dataset; those that are not known come last, in their order.
std::vector<uint32_t> numbers(const Dataset& data, std::span<const UserId> users,
                              std::vector<UserId>& all) {
  for (uint32_t user = 0; user < data.users(); ++user) all.push_back(data.user_id({user}));
  std::vector<uint32_t> number;
  for (const UserId& user : users) {
    const auto known = data.find_user(user);
    number.push_back(known ? known->value : static_cast<uint32_t>(all.size()));
    if (!known) all.push_back(user);
  }
  return number;
}

uint64_t offset_behind(const Dataset& data) {
  uint64_t behind = 0;
  for (uint32_t user = 0; user < data.users(); ++user) {
    const auto rows = data.of({user});
    if (!rows.empty()) behind = std::max(behind, rows.back().offset + 1);
  }
  return behind;
}

}  // namespace

Result<Dataset> Dataset::with(const Added& added, ThreadPool& pool) const {
  auto state = std::make_shared<State>();
  state->own_names = std::make_shared<const ItemInterner>(TRY(all_names(*this, added.items)));
  state->items = state->own_names->size();
  state->time = time();
  state->as_of = as_of();
  // Not the log's any more, so no hash of a log's: such a dataset fits no live catalogue.
  std::string pinned = dictionary_hash();
  for (const std::string& name : added.items) pinned += to_hex(hash128(name));
  state->dictionary_hash = added.items.empty() ? pinned : to_hex(hash128(pinned));
  state->event_types = event_types();
  state->rating_types = state_->rating_types;
  const auto number = numbers(*this, added.users, state->own_user_ids);
  auto& start = state->own_row_start;
  start.assign(state->own_user_ids.size() + 1, 0);
  for (uint32_t user = 0; user < users(); ++user) start[user + 1] = of({user}).size();
  for (const uint32_t place : added.user) ++start[number[place] + 1];
  std::partial_sum(start.begin(), start.end(), start.begin());
  std::vector<uint64_t> next(start.begin(), start.end() - 1);
  state->own_rows.resize(start.back());
  for (uint32_t user = 0; user < users(); ++user) {
    const auto mine = of({user});
    std::ranges::copy(mine, state->own_rows.begin() + static_cast<ptrdiff_t>(next[user]));
    next[user] += mine.size();
  }
  const uint64_t first = offset_behind(*this);
  for (size_t i = 0; i < added.rows.size(); ++i) {
    HistoryEntry& row = state->own_rows[next[number[added.user[i]]]++];
    row = added.rows[i];
    row.offset = first + i;
  }
  TRY(state->index_own_users(pool));
  state->view_own();
  return Dataset(std::move(state));
}

Dataset Dataset::only(const std::vector<bool>& keep) const {
  PALATE_CHECK(keep.size() == interactions(), "the bitmap has one bit a row");
  auto state = std::make_shared<State>(*state_);
  state->keep_alive = state_;  // spans that are not replaced point into it
  state->own_row_start.assign(1, 0);
  state->own_rows.clear();
  for (size_t user = 0, bit = 0; user < users(); ++user) {
    for (const HistoryEntry& row : of({static_cast<uint32_t>(user)})) {
      if (keep[bit++]) state->own_rows.push_back(row);
    }
    state->own_row_start.push_back(state->own_rows.size());
  }
  state->row_start = state->own_row_start;
  state->rows = state->own_rows;
  return Dataset(std::move(state));
}

}  // namespace palate
