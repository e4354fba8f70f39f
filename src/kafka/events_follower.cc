#include "kafka/events_follower.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <span>
#include <thread>

#include <librdkafka/rdkafka.h>

#include "base/log.h"
#include "events/block.h"
#include "kafka/consumer.h"

namespace palate {
namespace {

constexpr int kPoll_ms = 100;
// What is handed over together: what has come by then, up to so much.
constexpr size_t kRowsMax = 32 * 1024;
constexpr size_t kMessagesMax = 1024;
constexpr auto kAgain = std::chrono::milliseconds(500);  // after a failure
constexpr auto kBetweenCommits = std::chrono::seconds(1);

// Messages that were read and are not handed over yet.
struct Gathered {
  EventBatch batch;
  std::vector<Followed::Mark> marks;
  size_t messages = 0;

  [[nodiscard]] bool full() const {
    return messages >= kMessagesMax || batch.rows.size() >= kRowsMax;
  }
  void mark(const std::string& source, uint64_t offset) {
    ++messages;
    const auto at = std::ranges::find(marks, source, &Followed::Mark::source);
    if (at == marks.end()) {
      marks.push_back({source, offset, offset + 1});
    } else {
      at->to = offset + 1;
    }
  }
  void add(EventBatch more) {
    batch.rows.insert(batch.rows.end(), more.rows.begin(), more.rows.end());
    batch.arena.keep(std::make_shared<Arena>(std::move(more.arena)));
  }
};

KafkaPartitions assignment(rd_kafka_t& consumer) {
  rd_kafka_topic_partition_list_t* list = nullptr;
  const auto error = rd_kafka_assignment(&consumer, &list);
  return KafkaPartitions(error == RD_KAFKA_RESP_ERR_NO_ERROR ? list : nullptr);
}

}  // namespace

std::string mark_of(const std::string& topic, uint32_t partition) {
  return fmt::format("{}/{}", topic, partition);
}

struct EventsFollower::State {
  State(const FollowParts& p, RecordsFollower& r)
      : parts(p), records(r), tracker(p.data->ingest()) {}

  const FollowParts parts;
  RecordsFollower& records;
  FollowTracker tracker;
  std::string topic;
  KafkaClient consumer;
  Gathered gathered;
  mutable std::mutex mutex;
  std::string trouble;  // guarded by mutex
  std::jthread thread;

  static void rebalanced(rd_kafka_t*, int error, rd_kafka_topic_partition_list_t* list,
                         void* state);
  void assigned(rd_kafka_topic_partition_list_t& list);
  void revoked();
  void drop();
  Status subscribe();
  void run(const std::stop_token& stop);
  Status gather();
  Status take(const rd_kafka_message_t& message);
  Status hand_over(const std::stop_token& stop);
  Status find_items(std::vector<std::string_view> unknown, const std::stop_token& stop);
  void recover(const Status& why, const std::stop_token& stop);
};

// ---- the group ------------------------------------------------------------------------------

void EventsFollower::State::rebalanced(rd_kafka_t*, int error,
                                       rd_kafka_topic_partition_list_t* list, void* state) {
  auto& self = *static_cast<State*>(state);
  if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) return self.assigned(*list);
  self.revoked();
}

// This data directory knows best how far it has come: the group's own offsets are not asked.
void EventsFollower::State::assigned(rd_kafka_topic_partition_list_t& list) {
  tracker.drain();
  tracker.reset();
  begin_where_it_was_left(list, tracker);
  rd_kafka_assign(consumer.get(), &list);
  log_info("following {} of the partitions of {}", list.cnt, topic);
}

// What was read and not handed over is read again, here or by somebody else.
void EventsFollower::State::drop() {
  gathered = {};
  parts.refused->drop();
}

void EventsFollower::State::revoked() {
  drop();
  tracker.drain();
  commit_folded(*consumer, tracker);
  rd_kafka_assign(consumer.get(), nullptr);
}

Status EventsFollower::State::subscribe() {
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  const auto error = rd_kafka_subscribe(consumer.get(), list.get());
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return std::unexpected(kafka_error(*parts.config, error, "join group " + parts.config->group));
}

// ---- reading --------------------------------------------------------------------------------

Status EventsFollower::State::take(const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
    return go_on_after_gap(*consumer, *parts.config, message, tracker);
  }
  if (message.err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED) {
    log_warning("folding took so long that the group gave the partitions to others");
    return {};
  }
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (message.err == RD_KAFKA_RESP_ERR__TRANSPORT) return {};  // it tries again by itself
    return std::unexpected(kafka_error(*parts.config, message.err, "read " + topic));
  }
  const MessagePlace place{topic, static_cast<uint32_t>(message.partition),
                           static_cast<uint64_t>(message.offset)};
  const std::string_view bytes(static_cast<const char*>(message.payload), message.len);
  auto rows = read_block_message(bytes, *parts.types);
  if (rows) {
    parts.refused->add(place, std::move(rows->refused));
    gathered.add(std::move(rows->batch));
  } else {
    parts.refused->add(place, reject(Reason::kBadBlock, rows.error().message), bytes);
  }
  gathered.mark(mark_of(topic, place.partition), place.offset);
  return {};
}

Status EventsFollower::State::gather() {
  int wait_ms = kPoll_ms;
  while (!gathered.full()) {
    const KafkaMessage message(rd_kafka_consumer_poll(consumer.get(), wait_ms));
    if (message == nullptr) return {};
    TRY(take(*message));
    wait_ms = 0;
  }
  return {};
}

// An item that nobody has described may still be on its way in its own topic. One that is not there
// either was written by a program that does not say so: it is named now, for everybody.
Status EventsFollower::State::find_items(std::vector<std::string_view> unknown,
                                         const std::stop_token& stop) {
  const auto still_unknown = [&] {
    const Catalogue::View view = parts.data->state().catalogue().view();
    std::erase_if(unknown, [&](std::string_view item) { return view.find(item).has_value(); });
    return !unknown.empty();
  };
  TRY(records.read_items_to_end(stop));
  if (!still_unknown()) return {};
  std::vector<ItemRecord> stubs(unknown.size());
  for (size_t i = 0; i < unknown.size(); ++i) stubs[i].id = unknown[i];
  std::vector<EventLog::Append> blocks;
  for (EncodedBlock& block : encode_items(stubs)) {
    blocks.push_back({Stream::kItems, 0, block.count, std::move(block.bytes)});
  }
  TRY(parts.log->append(blocks));
  return records.read_items_to_end(stop);
}

Status EventsFollower::State::hand_over(const std::stop_token& stop) {
  if (gathered.messages == 0) return {};
  TRY(parts.refused->flush());
  Gathered taken = std::exchange(gathered, {});
  auto prepared =
      TRY(prepare_events(std::move(taken.batch), *parts.types, parts.data->state().catalogue()));
  if (!prepared.unknown_items.empty()) TRY(find_items(std::move(prepared.unknown_items), stop));
  prepared.unknown_items.clear();
  return tracker.submit({.what = std::move(prepared), .marks = std::move(taken.marks)});
}

void EventsFollower::State::recover(const Status& why, const std::stop_token& stop) {
  drop();
  tracker.drain();
  const std::string reason = why ? tracker.trouble() : why.error().message;
  {
    const std::lock_guard lock(mutex);
    if (trouble != reason) log_warning("events of Kafka wait: {}", reason);
    trouble = reason;
  }
  wait_a_moment(stop, kAgain);
  tracker.reset();
  go_back_where_it_was_left(*consumer, tracker);
}

void EventsFollower::State::run(const std::stop_token& stop) {
  auto committed = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    Status status = gather();
    if (status) status = hand_over(stop);
    if (stop.stop_requested()) return;
    if (!status || tracker.failed()) {
      recover(status, stop);
      continue;
    }
    const auto now = std::chrono::steady_clock::now();
    if (now < committed + kBetweenCommits) continue;
    committed = now;
    commit_folded(*consumer, tracker);
    const std::lock_guard lock(mutex);
    trouble.clear();
  }
}

// ---- the public side ------------------------------------------------------------------------

EventsFollower::EventsFollower(std::unique_ptr<State> state) : state_(std::move(state)) {}

EventsFollower::~EventsFollower() {
  state_->thread.request_stop();
  state_->thread.join();
  rd_kafka_consumer_close(state_->consumer.get());  // calls revoked()
}

Result<std::unique_ptr<EventsFollower>> EventsFollower::start(const FollowParts& parts,
                                                              RecordsFollower& records) {
  auto state = std::make_unique<State>(parts, records);
  state->topic = topic_name(*parts.config, parts.tenant, Stream::kEvents);
  const std::string group = fmt::format("{}.{}", parts.config->group, parts.tenant.name);
  state->consumer = TRY(
      kafka_client(KafkaRole::kConsumer, *parts.config, follower_settings(*parts.config, group),
                   {.owner = state.get(), .delivered = nullptr, .rebalanced = State::rebalanced}));
  TRY(state->subscribe());
  state->thread =
      std::jthread([running = state.get()](const std::stop_token& stop) { running->run(stop); });
  return std::unique_ptr<EventsFollower>(new EventsFollower(std::move(state)));
}

const FollowTracker& EventsFollower::tracker() const { return state_->tracker; }

uint64_t EventsFollower::behind() const {
  const KafkaPartitions assigned = assignment(*state_->consumer);
  if (assigned == nullptr) return 0;
  const auto marks = state_->tracker.folded();
  const FollowTracker::Marks& folded = *marks;
  uint64_t behind = 0;
  for (int i = 0; i < assigned->cnt; ++i) {
    const rd_kafka_topic_partition_t& entry = assigned->elems[i];
    int64_t low = 0, high = 0;
    rd_kafka_get_watermark_offsets(state_->consumer.get(), entry.topic, entry.partition, &low,
                                   &high);
    if (high < 0) return 1;  // no fetch has said yet
    const auto at = folded.find(mark_of(entry.topic, static_cast<uint32_t>(entry.partition)));
    const int64_t from = at == folded.end() ? low : static_cast<int64_t>(at->second);
    behind += static_cast<uint64_t>(std::max<int64_t>(high - from, 0));
  }
  return behind;
}

size_t EventsFollower::partitions() const {
  const KafkaPartitions assigned = assignment(*state_->consumer);
  return assigned == nullptr ? 0 : static_cast<size_t>(assigned->cnt);
}

bool EventsFollower::follows(uint32_t partition) const {
  const KafkaPartitions assigned = assignment(*state_->consumer);
  if (assigned == nullptr) return false;
  const std::span entries(assigned->elems, static_cast<size_t>(assigned->cnt));
  return std::ranges::any_of(entries, [&](const rd_kafka_topic_partition_t& entry) {
    return entry.partition == static_cast<int32_t>(partition);
  });
}

std::string EventsFollower::trouble() const {
  const std::lock_guard lock(state_->mutex);
  return state_->trouble;
}

}  // namespace palate
