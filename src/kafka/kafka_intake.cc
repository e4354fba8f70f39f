#include "kafka/kafka_intake.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "events/block.h"

namespace palate {
namespace {

// A group is what waits when its turn comes, up to so many records.
constexpr size_t kGroupRecordsMax = 64 * 1024;
constexpr size_t kGroupsOnTheirWayMax = 16;
constexpr size_t kStubsRememberedMax = 1'000'000;

struct Waiting {
  std::variant<EventBatch, std::vector<ItemRecord>, std::vector<UserRecord>> what;
  Intake::Done done;
  std::vector<uint32_t> partitions;  // of events: that it has rows in
  [[nodiscard]] size_t records() const {
    if (const auto* events = std::get_if<EventBatch>(&what)) return events->rows.size();
    if (const auto* items = std::get_if<std::vector<ItemRecord>>(&what)) return items->size();
    return std::get<std::vector<UserRecord>>(what).size();
  }
  [[nodiscard]] Stream stream() const { return static_cast<Stream>(what.index()); }
};
static_assert(static_cast<size_t>(Stream::kItems) == 1 && static_cast<size_t>(Stream::kUsers) == 2);

using Group = std::vector<Waiting>;

// What a group has to log, and after that where each of its partitions ends.
struct Blocks {
  std::vector<EventLog::Append> appends;
  void add(Stream stream, uint32_t partition, std::vector<EncodedBlock> encoded) {
    for (EncodedBlock& block : encoded) {
      appends.push_back({stream, partition, block.count, std::move(block.bytes)});
    }
  }
  [[nodiscard]] AsOf ends(const std::vector<Position>& first) const {
    AsOf ends;
    for (size_t i = 0; i < first.size(); ++i) {
      Position end = first[i];
      end.offset += appends[i].count;
      const auto same = std::ranges::find_if(ends, [&](const Position& at) {
        return at.stream == end.stream && at.partition == end.partition;
      });
      if (same == ends.end()) {
        ends.push_back(end);
      } else {
        same->offset = std::max(same->offset, end.offset);
      }
    }
    std::ranges::sort(ends);
    return ends;
  }
};

AsOf ends_of(const Waiting& waiting, const AsOf& ends) {
  AsOf own;
  for (const Position& end : ends) {
    if (end.stream != waiting.stream()) continue;
    if (end.stream != Stream::kEvents ||
        std::ranges::binary_search(waiting.partitions, end.partition)) {
      own.push_back(end);
    }
  }
  return own;
}

}  // namespace

struct KafkaIntake::State {
  explicit State(Parts p)
      : parts(p), trouble(fmt::format("Kafka at {} has not answered yet", p.config->brokers)) {}

  const Parts parts;
  mutable std::mutex mutex;
  std::condition_variable work, room;
  std::deque<Waiting> queue;  // all of these guarded by mutex
  size_t queued = 0;          // records, until they are answered
  size_t on_their_way = 0;    // groups
  KafkaLog* log = nullptr;
  std::string trouble;
  bool stopping = false;
  std::unordered_set<std::string> stubs;  // of the thread: items that it wrote down as unknown
  std::thread thread;

  Status submit(Waiting waiting);
  void run();
  Group take_group();
  Blocks encode(Group& group, const KafkaLog& log);
  Status write_unknown_items(const Group& group, KafkaLog& log);
  void send(Group group, KafkaLog& log);
  void answer(Group& group, const Result<AsOf>& ends);
};

Status KafkaIntake::State::submit(Waiting waiting) {
  const size_t records = waiting.records();
  {
    const std::lock_guard lock(mutex);
    if (log == nullptr) return fail(Code::kUnavailable, "{}", trouble);
    const auto most = static_cast<size_t>(parts.config->queue_events_max);
    if (queued > 0 && queued + records > most) {
      return fail(Code::kOverloaded, "{} records wait for Kafka already: send again later", queued);
    }
    queued += records;
    queue.push_back(std::move(waiting));
  }
  work.notify_one();
  return {};
}

Group KafkaIntake::State::take_group() {
  Group group;
  size_t records = 0;
  while (!queue.empty() && records < kGroupRecordsMax) {
    records += queue.front().records();
    group.push_back(std::move(queue.front()));
    queue.pop_front();
  }
  return group;
}

void KafkaIntake::State::run() {
  for (;;) {
    Group group;
    KafkaLog* to = nullptr;
    {
      std::unique_lock lock(mutex);
      room.wait(lock, [&] { return on_their_way < kGroupsOnTheirWayMax; });
      work.wait(lock, [&] { return !queue.empty() || stopping; });
      if (queue.empty()) break;
      group = take_group();
      ++on_their_way;
      to = log;
    }
    send(std::move(group), *to);
  }
  std::unique_lock lock(mutex);
  room.wait(lock, [&] { return on_their_way == 0; });
}

// Rows by partition, each user's in the order in which they came.
Blocks KafkaIntake::State::encode(Group& group, const KafkaLog& to) {
  Blocks blocks;
  std::vector<std::vector<EventView>> rows(to.partitions());
  std::vector<ItemRecord> items;
  std::vector<UserRecord> users;
  for (Waiting& waiting : group) {
    if (const auto* events = std::get_if<EventBatch>(&waiting.what)) {
      std::vector<uint8_t> has(rows.size());
      for (const EventView& row : events->rows) {
        const uint32_t partition = partition_of(row.user, to.partitions());
        rows[partition].push_back(row);
        has[partition] = 1;
      }
      for (uint32_t p = 0; p < has.size(); ++p) {
        if (has[p] != 0) waiting.partitions.push_back(p);
      }
    } else if (const auto* some = std::get_if<std::vector<ItemRecord>>(&waiting.what)) {
      items.insert(items.end(), some->begin(), some->end());
    } else {
      const auto& more = std::get<std::vector<UserRecord>>(waiting.what);
      users.insert(users.end(), more.begin(), more.end());
    }
  }
  if (!items.empty()) blocks.add(Stream::kItems, 0, encode_items(items));
  if (!users.empty()) blocks.add(Stream::kUsers, 0, encode_users(users));
  for (uint32_t p = 0; p < rows.size(); ++p) {
    if (!rows[p].empty()) blocks.add(Stream::kEvents, p, encode_events(rows[p], *parts.types));
  }
  return blocks;
}

// An item is in its topic before an event that names it is in another, so that whoever reads the
// event finds it.
Status KafkaIntake::State::write_unknown_items(const Group& group, KafkaLog& to) {
  std::vector<ItemRecord> unknown;
  if (stubs.size() > kStubsRememberedMax) stubs.clear();
  {
    const Catalogue::View view = parts.items->view();
    for (const Waiting& waiting : group) {
      const auto* events = std::get_if<EventBatch>(&waiting.what);
      if (events == nullptr) continue;
      for (const EventView& row : events->rows) {
        if (row.item.empty() || view.find(row.item)) continue;
        if (!stubs.emplace(row.item).second) continue;
        unknown.emplace_back().id = row.item;
      }
    }
  }
  if (unknown.empty()) return {};
  Blocks blocks;
  blocks.add(Stream::kItems, 0, encode_items(unknown));
  const auto written = to.append(blocks.appends);
  if (written) return {};
  for (const ItemRecord& item : unknown) stubs.erase(item.id);
  return std::unexpected(written.error());
}

void KafkaIntake::State::answer(Group& group, const Result<AsOf>& ends) {
  size_t records = 0;
  for (const Waiting& waiting : group) {
    records += waiting.records();
    if (ends) {
      waiting.done(IngestReceipt{.accepted = waiting.records(), .ends = ends_of(waiting, *ends)});
    } else {
      waiting.done(std::unexpected(ends.error()));
    }
  }
  const std::lock_guard lock(mutex);
  trouble = ends ? "" : ends.error().message;
  queued -= records;
  --on_their_way;
  room.notify_all();
}

void KafkaIntake::State::send(Group group, KafkaLog& to) {
  const Status items = write_unknown_items(group, to);
  if (!items) return answer(group, std::unexpected(items.error()));
  auto shared = std::make_shared<std::pair<Group, Blocks>>();
  shared->second = encode(group, to);
  shared->first = std::move(group);
  const Status sent = to.append_later(
      shared->second.appends, [this, shared](const Result<std::vector<Position>>& first) {
        if (!first) return answer(shared->first, std::unexpected(first.error()));
        answer(shared->first, shared->second.ends(*first));
      });
  if (!sent) answer(shared->first, std::unexpected(sent.error()));
}

KafkaIntake::KafkaIntake(Parts parts) : state_(std::make_unique<State>(parts)) {
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

KafkaIntake::~KafkaIntake() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->work.notify_all();
  state_->thread.join();
}

void KafkaIntake::connect(KafkaLog& log) {
  const std::lock_guard lock(state_->mutex);
  state_->log = &log;
  state_->trouble.clear();
}

void KafkaIntake::refuse(std::string why) {
  const std::lock_guard lock(state_->mutex);
  state_->trouble = std::move(why);
}

Status KafkaIntake::submit_events(EventBatch batch, Intake::Done done) {
  for (const EventView& row : batch.rows) {
    if (row.type.value < state_->parts.types->size()) continue;
    return fail(Code::kInvalidArgument, "an event of user '{}' has no declared type", row.user);
  }
  return state_->submit({.what = std::move(batch), .done = std::move(done), .partitions = {}});
}

Status KafkaIntake::submit_items(std::vector<ItemRecord> items, Intake::Done done) {
  return state_->submit({.what = std::move(items), .done = std::move(done), .partitions = {}});
}

Status KafkaIntake::submit_users(std::vector<UserRecord> users, Intake::Done done) {
  return state_->submit({.what = std::move(users), .done = std::move(done), .partitions = {}});
}

size_t KafkaIntake::queued_events() const {
  const std::lock_guard lock(state_->mutex);
  return state_->queued;
}

std::string KafkaIntake::trouble() const {
  const std::lock_guard lock(state_->mutex);
  return state_->trouble;
}

}  // namespace palate
