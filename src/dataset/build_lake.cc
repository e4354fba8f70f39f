// The lake as a dataset. Its clean zone comes by day and user; rows are put into the order of the
// log afterwards, so that the result is the one that the log gives.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>
#include <span>

#include "base/progress.h"
#include "base/stop.h"
#include "dataset/dataset.h"
#include "dataset/dataset_state.h"
#include "dataset/user_table.h"
#include "events/rating_types.h"
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
  std::ranges::sort(names, {},
                    [](const Named& named) { return std::pair(named.partition, named.offset); });
  ItemInterner items;
  for (const Named& named : names) TRY(items.add(named.name));
  return items;
}

// Takes tables from several threads in any order: what comes out depends on positions alone.
class LakeBuilder {
 public:
  LakeBuilder(const Dataset::LakeSource& source, const ItemInterner& items)
      : source_(source), items_(items) {}

  Status add(const Table& table);  // thread-safe
  // Each user's rows together and in order, users in order of their first.
  struct Ordered {
    std::vector<UserId> user_ids;
    std::vector<uint64_t> row_start{0};
    std::vector<HistoryEntry> rows;
  };
  Result<Ordered> finish(ThreadPool& pool, const std::stop_token& stop);

 private:
  struct User {
    int64_t partition = 0, first_offset = 0;  // of the first row
    uint64_t rows = 0;
  };
  // What a table says, by users of its own.
  struct Rows {
    std::vector<UserId> users;
    std::vector<User> of_users;
    std::vector<uint32_t> user;  // by row
    std::vector<HistoryEntry> rows;
  };
  Result<Rows> read(const Table& table) const;
  Status count(Rows& rows);
  Status scatter(const std::vector<uint32_t>& order, Ordered& out, ThreadPool& pool,
                 const std::stop_token& stop);

  const Dataset::LakeSource& source_;
  const ItemInterner& items_;
  std::mutex mutex_;  // guards what follows while tables are added
  UserTable users_;
  std::vector<User> of_users_;
  std::vector<Rows> tables_;  // `user` is a UserIx, the rest but `rows` empty
};

// The type that a name means: most rows have that of the row before.
class TypeNames {
 public:
  explicit TypeNames(const EventTypes& types) : types_(types) {}
  EventTypeId find(std::string_view name) {
    if (name.data() == last_.data() && name.size() == last_.size()) return type_;
    last_ = name;
    type_ = types_.find(name).value_or(EventTypeId{});
    return type_;
  }

 private:
  const EventTypes& types_;
  std::string_view last_;
  EventTypeId type_;
};

Result<LakeBuilder::Rows> LakeBuilder::read(const Table& table) const {
  const auto& columns = table.columns;
  TypeNames types(*source_.types);
  Rows out;
  out.rows.reserve(table.rows);
  out.user.reserve(table.rows);
  for (size_t row = 0; row < table.rows; ++row) {
    const std::string_view item_name = columns[event::kItem].texts[row];
    const EventTypeId type = types.find(columns[event::kType].texts[row]);
    if (item_name.empty() || type.value >= source_.types->size()) continue;
    const double value = columns[event::kValue].numbers[row];
    const float preference = source_.types->preference(type, value);
    if (!says_something(source_.types->at(type), preference, value)) continue;
    const int64_t offset = columns[event::kOffset].integers[row];
    const auto found = items_.find(item_name);
    if (!found) {
      return fail(Code::kCorrupt,
                  "event {} of the lake names item '{}', which its items lack; run palate lake "
                  "verify",
                  offset, item_name);
    }
    const UserId user{columns[event::kUser].ids[row].words};
    const int64_t partition = columns[event::kPartition].integers[row];
    if (out.users.empty() || out.users.back() != user ||
        out.of_users.back().partition != partition) {
      out.users.push_back(user);
      out.of_users.push_back({partition, offset, 0});
    }
    User& seen = out.of_users.back();
    seen.first_offset = std::min(seen.first_offset, offset);
    ++seen.rows;
    out.user.push_back(static_cast<uint32_t>(out.users.size() - 1));
    out.rows.push_back({.item = *found,
                        .type = type,
                        .value = static_cast<float>(value),
                        .preference = preference,
                        .ts = {columns[event::kTs].integers[row]},
                        .offset = static_cast<uint64_t>(offset)});
  }
  return out;
}

// Numbers the users of a table among all.
Status LakeBuilder::count(Rows& rows) {
  const std::lock_guard lock(mutex_);
  std::vector<uint32_t> number(rows.users.size());
  for (size_t i = 0; i < number.size(); ++i) {
    const User& here = rows.of_users[i];
    number[i] = users_.add(rows.users[i]).value;
    if (number[i] == of_users_.size()) of_users_.push_back({here.partition, here.first_offset, 0});
    User& seen = of_users_[number[i]];
    if (seen.partition != here.partition) {
      return fail(Code::kCorrupt, "a user's events lie in two partitions of the log");
    }
    seen.first_offset = std::min(seen.first_offset, here.first_offset);
    seen.rows += here.rows;
  }
  rows.users = {};
  rows.of_users = {};
  for (uint32_t& user : rows.user) user = number[user];
  tables_.push_back(std::move(rows));
  return {};
}

Status LakeBuilder::add(const Table& table) {
  Rows rows = TRY(read(table));
  return count(rows);
}

// Every row to its user's, which are put in order afterwards.
Status LakeBuilder::scatter(const std::vector<uint32_t>& order, Ordered& out, ThreadPool& pool,
                            const std::stop_token& stop) {
  std::vector<uint64_t> next(order.size());
  for (size_t i = 0; i < order.size(); ++i) next[order[i]] = out.row_start[i];
  out.rows.resize(out.row_start.back());
  TRY(pool.for_blocks(
      tables_.size(),
      [&](size_t table, size_t) {
        const Rows rows = std::move(tables_[table]);  // its memory is free for what follows
        for (size_t i = 0; i < rows.rows.size(); ++i) {
          std::atomic_ref place(next[rows.user[i]]);
          out.rows[place.fetch_add(1, std::memory_order_relaxed)] = rows.rows[i];
        }
      },
      stop));
  constexpr size_t kUsersEach = 4096;
  return pool.for_blocks((order.size() + kUsersEach - 1) / kUsersEach,
                         [&](size_t block, size_t) {
                           const size_t end = std::min(order.size(), (block + 1) * kUsersEach);
                           for (size_t user = block * kUsersEach; user < end; ++user) {
                             const auto mine = std::span(out.rows).subspan(
                                 out.row_start[user],
                                 out.row_start[user + 1] - out.row_start[user]);
                             if (!std::ranges::is_sorted(mine, {}, &HistoryEntry::offset)) {
                               std::ranges::sort(mine, {}, &HistoryEntry::offset);
                             }
                           }
                         },
                         stop);
}

Result<LakeBuilder::Ordered> LakeBuilder::finish(ThreadPool& pool, const std::stop_token& stop) {
  std::vector<uint32_t> order(of_users_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [&](uint32_t user) {
    return std::pair(of_users_[user].partition, of_users_[user].first_offset);
  });
  const std::vector<UserId> ids = std::move(users_).take_users();
  Ordered out;
  for (const uint32_t user : order) {
    out.row_start.push_back(out.row_start.back() + of_users_[user].rows);
    out.user_ids.push_back(ids[user]);
  }
  TRY(scatter(order, out, pool, stop));
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
  TRY(reader.read_unordered(
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
  state->rating_types = palate::rating_types(*source.types);
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
