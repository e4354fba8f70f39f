#include "dataset/file_split.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/hash.h"
#include "base/stop.h"
#include "dataset/user_table.h"
#include "events/rating_types.h"
#include "events/reader.h"

namespace palate {
namespace {

constexpr size_t kRowsMax = size_t{1} << 30;

// The file as rows to add.
struct FileRows {
  Dataset::Added added;
  std::vector<std::string> user_names;  // beside added.users, for messages
  TestFileFacts facts;
};

class FileReader {
 public:
  FileReader(const Dataset& data, const TestFile& file) : data_(data), file_(file) {}

  Result<FileRows> read(const std::stop_token& stop) {
    auto reader = TRY(open_events(file_.path, file_.mapping, *file_.types));
    const auto refuse = [&](const Reject&) -> Status {
      ++rows_.facts.refused;
      return {};
    };
    EventBatch batch;
    while (TRY(reader.next(batch, refuse))) {
      TRY(check_stop(stop));
      for (const EventView& event : batch.rows) take(event);
      if (rows_.added.rows.size() > kRowsMax) {
        return fail(Code::kOverloaded, "{} has more than {} rows", file_.path.string(), kRowsMax);
      }
    }
    rows_.added.users = std::move(users_).take_users();
    return std::move(rows_);
  }

 private:
  void take(const EventView& event) {
    const float preference = file_.types->preference(event.type, event.value);
    if (event.item.empty() ||
        !says_something(file_.types->at(event.type), preference, event.value)) {
      ++rows_.facts.neutral;
      return;
    }
    const uint32_t user = users_.add(file_.hash->user(event.user)).value;
    if (user == rows_.user_names.size()) {
      rows_.user_names.emplace_back(event.user);
      items_of_.emplace_back();
    }
    const ItemIx item = item_of(event.item);
    if (!items_of_[user].insert(item.value).second) {
      ++rows_.facts.repeated;
      return;
    }
    ++rows_.facts.rows;
    rows_.added.user.push_back(user);
    rows_.added.rows.push_back({.item = item,
                                .type = event.type,
                                .value = static_cast<float>(event.value),
                                .preference = preference,
                                .ts = event.ts,
                                .offset = 0});
  }

  ItemIx item_of(std::string_view name) {
    if (const auto known = data_.find_item(name)) return *known;
    const auto next = static_cast<uint32_t>(data_.items() + rows_.added.items.size());
    const auto [at, added] = new_items_.try_emplace(std::string(name), next);
    if (added) rows_.added.items.emplace_back(name);
    return {at->second};
  }

  const Dataset& data_;
  const TestFile& file_;
  FileRows rows_;
  UserTable users_;
  std::vector<std::set<uint32_t>> items_of_;  // of each user, in the file
  std::unordered_map<std::string, uint32_t> new_items_;
};

// Rows of the file whose pair the log has, too; as bits over the file's rows and the log's.
struct Overlap {
  std::vector<bool> file, log;
  std::string first;  // some of them, for a message
};

// Bit by bit: of the log's rows, those of one user.
void mark_log(const Dataset& data, UserIx user, const std::set<uint32_t>& items, Overlap& out) {
  uint64_t bit = data.row_start()[user.value];
  for (const HistoryEntry& row : data.of(user)) {
    if (items.contains(row.item.value)) out.log[bit] = true;
    ++bit;
  }
}

Overlap overlap(const Dataset& data, const FileRows& rows) {
  constexpr size_t kNamedMax = 3;
  Overlap out{
      std::vector<bool>(rows.added.rows.size()), std::vector<bool>(data.interactions()), {}};
  std::vector<std::vector<uint32_t>> seen(rows.added.users.size());  // ascending
  std::vector<std::set<uint32_t>> both(seen.size());
  for (size_t user = 0; user < seen.size(); ++user) {
    const auto known = data.find_user(rows.added.users[user]);
    if (!known) continue;
    for (const HistoryEntry& row : data.of(*known)) seen[user].push_back(row.item.value);
    std::ranges::sort(seen[user]);
  }
  size_t named = 0;
  for (size_t i = 0; i < rows.added.rows.size(); ++i) {
    const uint32_t user = rows.added.user[i], item = rows.added.rows[i].item.value;
    if (!std::ranges::binary_search(seen[user], item)) continue;
    out.file[i] = true;
    both[user].insert(item);
    if (named++ >= kNamedMax) continue;
    const auto name = data.item_name({item});
    out.first += fmt::format("{}user '{}', item '{}'", out.first.empty() ? "" : "; ",
                             rows.user_names[user], name ? *name : fmt::to_string(item));
  }
  for (size_t user = 0; user < both.size(); ++user) {
    if (!both[user].empty())
      mark_log(data, *data.find_user(rows.added.users[user]), both[user], out);
  }
  return out;
}

// Without the rows that the log has, too.
void drop(const Overlap& overlap, Dataset::Added& added) {
  size_t kept = 0;
  for (size_t i = 0; i < added.rows.size(); ++i) {
    if (overlap.file[i]) continue;
    added.user[kept] = added.user[i];
    added.rows[kept++] = added.rows[i];
  }
  added.user.resize(kept);
  added.rows.resize(kept);
}

// What the file has and training has not.
void count_untrained(const FileSplit& made, TestFileFacts& facts) {
  std::vector<bool> trained(made.data.items()), asked(made.data.items());
  uint64_t bit = 0;
  for (uint32_t user = 0; user < made.data.users(); ++user) {
    bool has_training = false, has_test = false;
    for (const HistoryEntry& row : made.data.of({user})) {
      if ((*made.split.train)[bit]) trained[row.item.value] = has_training = true;
      if ((*made.split.test)[bit]) asked[row.item.value] = has_test = true;
      ++bit;
    }
    if (has_test && !has_training) ++facts.users_untrained;
  }
  for (size_t item = 0; item < asked.size(); ++item) {
    if (asked[item] && !trained[item]) ++facts.items_untrained;
  }
}

// In `data` the log's rows of a user come first; `held` are those of them that do not train.
Split split_of(const Dataset& log, const Dataset& data, const std::vector<bool>& held) {
  auto train = std::make_shared<std::vector<bool>>(data.interactions());
  auto test = std::make_shared<std::vector<bool>>(data.interactions());
  size_t bit = 0, log_bit = 0;
  for (uint32_t user = 0; user < data.users(); ++user) {
    const size_t logged = user < log.users() ? log.of({user}).size() : 0;
    const size_t rows = data.of({user}).size();
    for (size_t i = 0; i < rows; ++i, ++bit) {
      if (i < logged) {
        (*train)[bit] = !held[log_bit++];
      } else {
        (*test)[bit] = true;
      }
    }
  }
  return Split{SplitKind::kFile, {}, std::move(train), std::move(test), {}};
}

}  // namespace

Result<FileSplit> split_by_file(const Dataset& data, const TestFile& file, ThreadPool& pool,
                                std::stop_token stop) {
  FileRows rows = TRY(FileReader(data, file).read(stop));
  Overlap both = overlap(data, rows);
  rows.facts.in_training = static_cast<uint64_t>(std::ranges::count(both.file, true));
  if (rows.facts.in_training > 0 && file.in_training == InTraining::kRefuse) {
    return fail(Code::kInvalidArgument,
                "{} of the {} test rows of {} are in the log, too: {}{}. Leave them out "
                "(--test-overlap drop), or take them out of training (--test-overlap hold-out)",
                rows.facts.in_training, rows.facts.rows, file.path.string(), both.first,
                rows.facts.in_training > 3 ? "; …" : "");
  }
  if (file.in_training == InTraining::kDrop) {
    drop(both, rows.added);
    std::fill(both.log.begin(), both.log.end(), false);
  }
  if (rows.added.rows.empty()) {
    return fail(Code::kInvalidArgument,
                "{} has no test row: {} rows say something about taste, {} do not, {} could not be "
                "read, {} are in the log",
                file.path.string(), rows.facts.rows, rows.facts.neutral, rows.facts.refused,
                rows.facts.in_training);
  }
  Dataset all = TRY(data.with(rows.added, pool));
  Split split = split_of(data, all, both.log);
  if (std::ranges::count(*split.train, true) == 0) {
    return fail(Code::kInvalidArgument, "nothing is left to train on beside the test rows of {}",
                file.path.string());
  }
  const MappedFile bytes = TRY(MappedFile::open(file.path));
  FileSplit made{std::move(all), std::move(split)};
  made.split.file = rows.facts;
  made.split.file.name = file.path.filename().string();
  made.split.file.hash = to_hex(hash128(bytes.text()));
  count_untrained(made, made.split.file);
  return made;
}

}  // namespace palate
