// The log as a dataset: blocks are decoded in parallel, users get their rows in order of the log,
// and one counting sort brings each user's rows together.
#include <algorithm>
#include <numeric>

#include "base/progress.h"
#include "base/stop.h"
#include "dataset/dataset.h"
#include "dataset/dataset_state.h"
#include "dataset/event_rows.h"
#include "dataset/user_table.h"
#include "events/block.h"
#include "events/rating_types.h"
#include "ids/dictionary_hash.h"
#include "ids/item_interner.h"

namespace palate {
namespace {

constexpr size_t kBlocksAtOnce = 64;
constexpr size_t kUsersMax = 0xffff'fff0;

// Every position lies within the log, and each (stream, partition) is there once.
Status check_as_of(const AsOf& as_of, const AsOf& ends) {
  for (const auto& end : as_of) {
    const auto same = [&](const Position& other) {
      return other.stream == end.stream && other.partition == end.partition;
    };
    if (std::count_if(as_of.begin(), as_of.end(), same) != 1) {
      return fail(Code::kInvalidArgument, "as_of names the partition of {} twice", to_string(end));
    }
    const auto reached = std::find_if(ends.begin(), ends.end(), same);
    const uint64_t there = reached == ends.end() ? 0 : reached->offset;
    if (end.offset > there) {
      return fail(Code::kInvalidArgument, "as_of {} lies behind the log's end {}", to_string(end),
                  there);
    }
  }
  return {};
}

// Visits the blocks that hold records before `end`.
Status read_until(const EventLog& log, Position end,
                  const std::function<Status(const EventLog::Block&)>& visit) {
  bool reached = end.offset == 0;
  if (reached) return {};
  const auto status =
      log.read({end.stream, end.partition, 0}, [&](const EventLog::Block& block) -> Status {
        reached = block.first.offset >= end.offset;
        if (reached) return fail(Code::kCancelled, "there is no need to read on");
        return visit(block);
      });
  return reached ? Status{} : status;
}

class Builder {
 public:
  Builder(const Dataset::Source& source, ThreadPool& pool, std::stop_token stop)
      : source_(source), pool_(pool), stop_(std::move(stop)) {}

  Status read_items(Position end);
  Status read_events(Position end);
  // Brings each user's rows together.
  Status sort_rows(std::vector<uint64_t>& row_start, std::vector<HistoryEntry>& rows);
  [[nodiscard]] std::string dictionary_hash() const;
  [[nodiscard]] size_t items() const { return items_.size(); }
  std::shared_ptr<const ItemInterner> take_items() {
    return std::make_shared<const ItemInterner>(std::move(items_));
  }
  std::vector<UserId> take_users() { return std::move(users_).take_users(); }

 private:
  // A block on its way: its bytes, then its rows.
  struct Waiting {
    Position first;
    uint32_t count = 0;
    std::string bytes;
    Result<EventRows> rows = EventRows{};
  };
  // Decodes what waits, in parallel, and takes it over, in order.
  Status take_waiting(uint64_t end_offset, Progress& progress);

  const Dataset::Source& source_;
  ThreadPool& pool_;
  std::stop_token stop_;
  ItemInterner items_;
  UserTable users_;
  std::vector<Waiting> waiting_;
  std::vector<EventRows> blocks_;  // `user` is a UserIx, `users` empty
};

Status Builder::read_items(Position end) {
  return read_until(*source_.log, end, [&](const EventLog::Block& block) -> Status {
    TRY(check_stop(stop_));
    const auto records = TRY(decode_items(block.bytes));
    const size_t seen = std::min<uint64_t>(records.size(), end.offset - block.first.offset);
    for (size_t i = 0; i < seen; ++i) TRY(items_.add(records[i].id));
    return {};
  });
}

Status Builder::read_events(Position end) {
  Progress progress("reading events", end.offset, "events");
  TRY(read_until(*source_.log, end, [&](const EventLog::Block& block) -> Status {
    waiting_.push_back({block.first, block.count, std::string(block.bytes)});
    return waiting_.size() < kBlocksAtOnce ? Status{} : take_waiting(end.offset, progress);
  }));
  return take_waiting(end.offset, progress);
}

Status Builder::take_waiting(uint64_t end_offset, Progress& progress) {
  const EventRowsContext context{source_.types, source_.hash, &items_, end_offset};
  TRY(pool_.for_blocks(
      waiting_.size(),
      [&](size_t block, size_t) {
        auto& waiting = waiting_[block];
        waiting.rows = read_event_rows(waiting.bytes, waiting.first, context);
      },
      stop_));
  for (auto& waiting : waiting_) {
    auto rows = TRY(std::move(waiting.rows));
    std::vector<uint32_t> number(rows.users.size());
    for (size_t i = 0; i < number.size(); ++i) number[i] = users_.add(rows.users[i]).value;
    if (users_.size() > kUsersMax) {
      return fail(Code::kOverloaded, "more than {} users do not fit a dataset", kUsersMax);
    }
    for (auto& user : rows.user) user = number[user];
    rows.users = {};
    progress.add(waiting.count);
    blocks_.push_back(std::move(rows));
  }
  waiting_.clear();
  return {};
}

Status Builder::sort_rows(std::vector<uint64_t>& row_start, std::vector<HistoryEntry>& rows) {
  row_start.assign(users_.size() + 1, 0);
  for (const auto& block : blocks_) {
    for (const uint32_t user : block.user) ++row_start[user + 1];
  }
  std::partial_sum(row_start.begin(), row_start.end(), row_start.begin());
  rows.resize(row_start.back());
  std::vector<uint64_t> next(row_start.begin(), row_start.end() - 1);
  for (auto& block : blocks_) {
    TRY(check_stop(stop_));
    for (size_t i = 0; i < block.rows.size(); ++i) {
      uint64_t& to = next[block.user[i]];
      if (to > row_start[block.user[i]] && rows[to - 1].offset >= block.rows[i].offset) {
        return fail(Code::kCorrupt, "a user's events lie in two partitions of the log");
      }
      rows[to++] = block.rows[i];
    }
    block = {};  // its memory is free for the rows that follow
  }
  return {};
}

std::string Builder::dictionary_hash() const {
  DictionaryHash hash;
  for (uint32_t item = 0; item < items_.size(); ++item) {
    hash.add(source_.hash->item(items_.name({item})));
  }
  return hash.hex();
}

}  // namespace

Result<Dataset> Dataset::build(const Source& source, ThreadPool& pool, std::stop_token stop) {
  const auto ends = TRY(source.log->ends());
  auto state = std::make_shared<State>();
  state->as_of = source.as_of.empty() ? ends : source.as_of;
  TRY(check_as_of(state->as_of, ends));
  std::sort(state->as_of.begin(), state->as_of.end());
  Builder builder(source, pool, stop);
  for (const auto& end : state->as_of) {
    if (end.stream == Stream::kItems) TRY(builder.read_items(end));
  }
  for (const auto& end : state->as_of) {
    if (end.stream == Stream::kEvents) TRY(builder.read_events(end));
  }
  TRY(builder.sort_rows(state->own_row_start, state->own_rows));
  state->items = builder.items();
  state->time = source.time;
  state->dictionary_hash = builder.dictionary_hash();
  state->event_types = source.types->fingerprint();
  state->rating_types = palate::rating_types(*source.types);
  state->own_user_ids = builder.take_users();
  state->own_names = builder.take_items();
  TRY(state->index_own_users(pool, stop));
  state->view_own();
  return Dataset(std::move(state));
}

}  // namespace palate
