// The lake as a dataset. Its clean zone comes by day and user; rows are put into the order of the
// log afterwards, so that the result is the one that the log gives.
#include <algorithm>
#include <map>
#include <numeric>

#include "base/progress.h"
#include "base/stop.h"
#include "dataset/dataset.h"
#include "dataset/dataset_state.h"
#include "dataset/user_table.h"
#include "ids/dictionary_hash.h"
#include "ids/item_interner.h"
#include "lake/reader.h"

namespace palate {
namespace {

using namespace lake;

// Items in the order of the item log, which gives them their ItemIx.
Result<ItemInterner> read_item_names(const LakeReader& version, ThreadPool& pool,
                                     const std::stop_token& stop) {
  struct Named {
    int64_t partition, offset;
    std::string name;
    auto operator<=>(const Named&) const = default;
  };
  ReadOptions options;
  options.zone = Zone::kItems;
  options.columns = {item::kItem, item::kPartition, item::kOffset};
  const auto reader = TRY(version.same_version(options));
  std::vector<Named> names;
  TRY(reader.read(
      pool,
      [&](const Table& rows) -> Status {
        for (size_t row = 0; row < rows.rows; ++row) {
          names.push_back({rows.columns[item::kPartition].integers[row],
                           rows.columns[item::kOffset].integers[row],
                           std::string(rows.columns[item::kItem].texts[row])});
        }
        return {};
      },
      stop));
  std::ranges::sort(names);
  ItemInterner items;
  for (const Named& named : names) TRY(items.add(named.name));
  return items;
}

class LakeBuilder {
 public:
  LakeBuilder(const Dataset::LakeSource& source, const ItemInterner& items)
      : source_(source), items_(items) {}

  Status add(const Table& table);
  // Each user's rows together and in order, users in order of their first.
  struct Ordered {
    std::vector<UserId> user_ids;
    std::vector<uint64_t> row_start{0};
    std::vector<HistoryEntry> rows;
  };
  Result<Ordered> finish(ThreadPool& pool, const std::stop_token& stop);

 private:
  struct User {
    int64_t partition = -1, first_offset = 0;  // of the first row
    uint64_t rows = 0;
  };
  EventTypeId type_of(std::string_view name);
  Status count_row(UserIx user, int64_t partition, int64_t offset);

  const Dataset::LakeSource& source_;
  const ItemInterner& items_;
  std::map<std::string, EventTypeId, std::less<>> types_;
  UserTable users_;
  std::vector<User> of_users_;
  std::vector<uint32_t> row_user_;
  std::vector<HistoryEntry> rows_;
};

EventTypeId LakeBuilder::type_of(std::string_view name) {
  const auto known = types_.find(name);
  if (known != types_.end()) return known->second;
  const EventTypeId type = source_.types->find(name).value_or(EventTypeId{});
  types_.emplace(name, type);
  return type;
}

Status LakeBuilder::count_row(UserIx user, int64_t partition, int64_t offset) {
  if (user.value == of_users_.size()) of_users_.push_back({partition, offset, 0});
  User& seen = of_users_[user.value];
  if (seen.partition != partition) {
    return fail(Code::kCorrupt, "a user's events lie in two partitions of the log");
  }
  seen.first_offset = std::min(seen.first_offset, offset);
  ++seen.rows;
  return {};
}

Status LakeBuilder::add(const Table& table) {
  const auto& columns = table.columns;
  for (size_t row = 0; row < table.rows; ++row) {
    const std::string_view item_name = columns[event::kItem].texts[row];
    const EventTypeId type = type_of(columns[event::kType].texts[row]);
    if (item_name.empty() || type.value >= source_.types->size()) continue;
    const double value = columns[event::kValue].numbers[row];
    const float preference = source_.types->preference(type, value);
    if (preference == 0) continue;
    const int64_t offset = columns[event::kOffset].integers[row];
    const auto found = items_.find(item_name);
    if (!found) {
      return fail(Code::kCorrupt,
                  "event {} of the lake names item '{}', which its items lack; run palate lake "
                  "verify",
                  offset, item_name);
    }
    const UserIx user = users_.add(UserId{columns[event::kUser].ids[row].words});
    TRY(count_row(user, columns[event::kPartition].integers[row], offset));
    row_user_.push_back(user.value);
    rows_.push_back({.item = *found,
                     .type = type,
                     .value = static_cast<float>(value),
                     .preference = preference,
                     .ts = {columns[event::kTs].integers[row]},
                     .offset = static_cast<uint64_t>(offset)});
  }
  return {};
}

Result<LakeBuilder::Ordered> LakeBuilder::finish(ThreadPool& pool, const std::stop_token& stop) {
  std::vector<uint32_t> order(of_users_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [&](uint32_t user) {
    return std::pair(of_users_[user].partition, of_users_[user].first_offset);
  });
  const std::vector<UserId> ids = std::move(users_).take_users();
  std::vector<uint64_t> next(order.size());
  Ordered out;
  for (const uint32_t user : order) {
    next[user] = out.row_start.back();
    out.row_start.push_back(next[user] + of_users_[user].rows);
    out.user_ids.push_back(ids[user]);
  }
  out.rows.resize(rows_.size());
  for (size_t i = 0; i < rows_.size(); ++i) out.rows[next[row_user_[i]]++] = rows_[i];
  constexpr size_t kUsersEach = 4096;
  TRY(pool.for_blocks((order.size() + kUsersEach - 1) / kUsersEach,
                      [&](size_t block, size_t) {
                        const size_t end = std::min(order.size(), (block + 1) * kUsersEach);
                        for (size_t user = block * kUsersEach; user < end; ++user) {
                          std::sort(
                              out.rows.begin() + static_cast<ptrdiff_t>(out.row_start[user]),
                              out.rows.begin() + static_cast<ptrdiff_t>(out.row_start[user + 1]),
                              [](const auto& a, const auto& b) { return a.offset < b.offset; });
                        }
                      },
                      stop));
  return out;
}

}  // namespace

Result<Dataset> Dataset::build(const LakeSource& source, ThreadPool& pool, std::stop_token stop) {
  ReadOptions options;
  options.columns = {event::kUser,  event::kItem,      event::kType,  event::kTs,
                     event::kValue, event::kPartition, event::kOffset};
  const auto reader = TRY(LakeReader::open(*source.lake, options));
  auto items = std::make_shared<const ItemInterner>(TRY(read_item_names(reader, pool, stop)));
  LakeBuilder builder(source, *items);
  Progress progress("reading the lake", reader.rows_max(), "events");
  TRY(reader.read(
      pool,
      [&](const Table& rows) {
        progress.add(rows.rows);
        return builder.add(rows);
      },
      stop));
  auto state = std::make_shared<State>();
  state->as_of = reader.manifest().as_of;
  state->items = items->size();
  state->time = source.time;
  DictionaryHash hash;
  for (uint32_t ix = 0; ix < items->size(); ++ix) hash.add(source.hash->item(items->name({ix})));
  state->dictionary_hash = hash.hex();
  state->event_types = source.types->fingerprint();
  state->own_names = std::move(items);
  auto ordered = TRY(builder.finish(pool, stop));
  state->own_user_ids = std::move(ordered.user_ids);
  state->own_row_start = std::move(ordered.row_start);
  state->own_rows = std::move(ordered.rows);
  TRY(state->index_own_users(pool, stop));
  state->view_own();
  return Dataset(std::move(state));
}

}  // namespace palate
