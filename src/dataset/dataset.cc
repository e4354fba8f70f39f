#include "dataset/dataset.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "dataset/dataset_state.h"
#include "ids/dictionary_writer.h"

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
  ThreadPool pool(1);
  const Status indexed = state->index_own_users(pool);
  PALATE_CHECK(indexed.has_value(), "numbers as ids are all different");
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

Status Dataset::State::index_own_users(ThreadPool& pool, const std::stop_token& stop) {
  std::vector<Hash128> hashes;
  hashes.reserve(own_user_ids.size());
  for (const UserId& user : own_user_ids) hashes.push_back(hash_of(user));
  user_hash = TRY(PerfectHash::build(hashes, pool, stop));
  own_user_order.resize(hashes.size());
  for (uint32_t row = 0; row < hashes.size(); ++row) {
    own_user_order[user_hash.find(hashes[row])] = row;
  }
  return {};
}

std::optional<UserIx> Dataset::find_user(const UserId& user) const {
  const State& state = *state_;
  if (state.user_order.empty()) {
    const auto found = std::ranges::find(state.user_ids, user);
    if (found == state.user_ids.end()) return std::nullopt;
    return UserIx{static_cast<uint32_t>(found - state.user_ids.begin())};
  }
  const uint32_t row = state.user_order[state.user_hash.find(State::hash_of(user))];
  if (row >= users() || state.user_ids[row] != user) return std::nullopt;
  return UserIx{row};
}

bool Dataset::has_item_names() const { return state_->own_names || state_->names; }

Result<std::string> Dataset::item_name(ItemIx item) const {
  PALATE_CHECK(item.value < items(), "an item outside the dataset");
  if (state_->own_names) return std::string(state_->own_names->name(item));
  if (state_->names) return state_->names->name(item.value);
  return fail(Code::kNotFound, "this dataset does not know what its items are called");
}

std::optional<ItemIx> Dataset::find_item(std::string_view external_id) const {
  if (state_->own_names) return state_->own_names->find(external_id);
  const auto found = state_->names ? state_->names->find(external_id) : std::nullopt;
  return found ? std::optional(ItemIx{*found}) : std::nullopt;
}

Status Dataset::write_item_names(const Path& path) const {
  ThreadPool pool;
  auto writer = TRY(DictionaryWriter::create(path, {}, pool));
  for (uint32_t item = 0; item < items(); ++item) TRY(writer.add(TRY(item_name({item}))));
  return writer.commit();
}

const AsOf& Dataset::as_of() const { return state_->as_of; }
TimeKind Dataset::time() const { return state_->time; }
const std::string& Dataset::dictionary_hash() const { return state_->dictionary_hash; }
uint64_t Dataset::event_types() const { return state_->event_types; }
std::span<const EventTypeId> Dataset::rating_types() const { return state_->rating_types; }

bool Dataset::is_rating(const HistoryEntry& row) const {
  return !std::isnan(row.value) && std::ranges::binary_search(state_->rating_types, row.type);
}

Dataset Dataset::with_rating_types(std::vector<EventTypeId> types) const {
  PALATE_CHECK(std::ranges::is_sorted(types), "types ascend");
  auto state = std::make_shared<State>(*state_);
  // A copy's spans still point into the vectors of the state that it was copied from.
  state->keep_alive = state_;
  state->rating_types = std::move(types);
  return Dataset(std::move(state));
}

}  // namespace palate
