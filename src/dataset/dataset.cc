#include "dataset/dataset.h"

#include "base/check.h"
#include "dataset/dataset_state.h"

namespace palate {

Dataset Dataset::from_rows(size_t items, std::vector<uint64_t> row_start,
                           std::vector<HistoryEntry> rows, TimeKind time) {
  PALATE_CHECK(!row_start.empty(), "row_start has one entry a user and one more");
  PALATE_CHECK(row_start.front() == 0 && row_start.back() == rows.size(),
               "row_start covers the rows");
  for (const auto& row : rows) PALATE_CHECK(row.item.value < items, "an item outside the dataset");
  const size_t users = row_start.size() - 1;
  auto state = std::make_shared<State>();
  state->items = items;
  state->time = time;
  state->own_row_start = std::move(row_start);
  state->own_rows = std::move(rows);
  for (size_t user = 0; user < users; ++user) state->own_user_ids.push_back({{user, 0}});
  state->view_own();
  return Dataset(std::move(state));
}

size_t Dataset::users() const { return state_->user_ids.size(); }
size_t Dataset::items() const { return state_->items; }
size_t Dataset::interactions() const { return state_->rows.size(); }

std::span<const HistoryEntry> Dataset::of(UserIx user) const {
  const auto start = state_->row_start;
  PALATE_CHECK(user.value < users(), "a user outside the dataset");
  return state_->rows.subspan(start[user.value], start[user.value + 1] - start[user.value]);
}

std::span<const uint64_t> Dataset::row_start() const { return state_->row_start; }
UserId Dataset::user_id(UserIx user) const { return state_->user_ids[user.value]; }
const AsOf& Dataset::as_of() const { return state_->as_of; }
TimeKind Dataset::time() const { return state_->time; }
const std::string& Dataset::dictionary_hash() const { return state_->dictionary_hash; }
uint64_t Dataset::event_types() const { return state_->event_types; }

}  // namespace palate
