#include "kafka/json_source.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include <librdkafka/rdkafka.h>

#include "base/log.h"
#include "base/stop.h"
#include "base/time.h"
#include "events/json_elements.h"
#include "ingest/error_budgets.h"
#include "kafka/consumer.h"
#include "kafka/message.h"

namespace palate {
namespace {

constexpr int kPoll_ms = 100;
constexpr size_t kRowsMax = 10'000;
constexpr size_t kMessagesMax = 10'000;
constexpr auto kAgain = std::chrono::milliseconds(200);

}  // namespace

struct JsonSource::State {
  explicit State(const Parts& p) : parts(p), parser(*p.types, now()), budgets(p.error_budget) {}

  const Parts parts;
  EventJsonParser parser;
  ErrorBudgets budgets;
  KafkaClient consumer;
  EventBatch batch;  // read, and not in the intake yet
  std::map<int32_t, int64_t> ends;
  size_t messages = 0;
  std::atomic<uint64_t> all_messages = 0, all_events = 0, all_duplicates = 0;
  mutable std::mutex mutex;
  std::string trouble;  // guarded by mutex
  std::jthread thread;

  static void rebalanced(rd_kafka_t* consumer, int error, rd_kafka_topic_partition_list_t* list,
                         void* state);
  Status gather();
  void take(const rd_kafka_message_t& message);
  void keep_within_budget(const MessagePlace& place, std::string_view bytes, MessageRows& rows);
  Status hand_over(const std::stop_token& stop);
  Status write(const std::stop_token& stop);
  Status commit();
  void drop();
  void say(const std::string& what);
  void run(const std::stop_token& stop);
};

void JsonSource::State::rebalanced(rd_kafka_t* consumer, int error,
                                   rd_kafka_topic_partition_list_t* list, void* state) {
  if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    rd_kafka_assign(consumer, list);
    return;
  }
  // Not committed: whoever has the partition next reads it again.
  static_cast<State*>(state)->drop();
  rd_kafka_assign(consumer, nullptr);
}

void JsonSource::State::drop() {
  batch = {};
  ends.clear();
  messages = 0;
  parts.refused->drop();
}

void JsonSource::State::take(const rd_kafka_message_t& message) {
  const MessagePlace place{parts.config->source_topic, static_cast<uint32_t>(message.partition),
                           static_cast<uint64_t>(message.offset)};
  const std::string_view bytes(static_cast<const char*>(message.payload), message.len);
  parser.set_received(now());
  parser.set_contract(parts.contract());
  auto rows = read_json_message(bytes, place, parser);
  if (rows) {
    keep_within_budget(place, bytes, *rows);
    parts.refused->add(place, std::move(rows->refused));
    batch.rows.insert(batch.rows.end(), rows->batch.rows.begin(), rows->batch.rows.end());
    batch.arena.keep(std::make_shared<Arena>(std::move(rows->batch.arena)));
  } else {
    budgets.take(place.topic, 1, 1);
    parts.refused->add(place, reject(Reason::kBadJson, rows.error().message), bytes);
  }
  ends[message.partition] = message.offset + 1;
  ++messages;
}

// Beyond the topic's budget good events are set aside like the others.
void JsonSource::State::keep_within_budget(const MessagePlace& place, std::string_view bytes,
                                           MessageRows& rows) {
  const size_t good = rows.batch.rows.size(), all = good + rows.refused.size();
  const auto beyond = budgets.take(place.topic, all, rows.refused.size());
  if (!beyond || good == 0) return;
  const auto elements = json_elements(bytes, all);
  if (!elements) return;  // it was read: they are there
  const Rejection why = beyond_budget(*beyond, place.topic);
  std::vector<bool> refused(all);
  for (const MessageRows::Refused& row : rows.refused) refused[row.index] = true;
  for (size_t i = 0; i < all; ++i) {
    if (!refused[i]) rows.refused.push_back({i, why, std::string(elements->texts[i])});
  }
  rows.batch = {};
}

Status JsonSource::State::gather() {
  int wait_ms = kPoll_ms;
  while (batch.rows.size() < kRowsMax && messages < kMessagesMax) {
    const KafkaMessage message(rd_kafka_consumer_poll(consumer.get(), wait_ms));
    if (message == nullptr) return {};
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      take(*message);
    } else if (message->err != RD_KAFKA_RESP_ERR__TRANSPORT) {
      return std::unexpected(
          kafka_error(*parts.config, message->err, "read " + parts.config->source_topic));
    }
    wait_ms = 0;
  }
  return {};
}

// Until the intake has it, however long that takes: what was read must not be passed over.
Status JsonSource::State::write(const std::stop_token& stop) {
  while (!batch.rows.empty()) {
    EventBatch copy;
    copy.rows = batch.rows;
    copy.arena = batch.arena;
    const auto receipt = parts.intake->write_events(std::move(copy));
    if (receipt) {
      all_events += receipt->accepted;
      all_duplicates += receipt->duplicates;
      return {};
    }
    say(receipt.error().message);
    TRY(check_stop(stop));
    wait_a_moment(stop, kAgain);
  }
  return {};
}

Status JsonSource::State::commit() {
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(static_cast<int>(ends.size())));
  for (const auto& [partition, end] : ends) {
    rd_kafka_topic_partition_list_add(list.get(), parts.config->source_topic.c_str(), partition)
        ->offset = end;
  }
  const auto error = rd_kafka_commit(consumer.get(), list.get(), 0);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return std::unexpected(kafka_error(*parts.config, error, "commit " + parts.config->source_topic));
}

Status JsonSource::State::hand_over(const std::stop_token& stop) {
  if (messages == 0) return {};
  TRY(write(stop));
  TRY(parts.refused->flush());
  const Status committed = commit();
  all_messages += messages;
  drop();
  return committed;
}

void JsonSource::State::say(const std::string& what) {
  const std::lock_guard lock(mutex);
  if (trouble != what && !what.empty()) {
    log_warning("{} waits: {}", parts.config->source_topic, what);
  }
  trouble = what;
}

void JsonSource::State::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Status status = gather();
    if (status) status = hand_over(stop);
    say(status ? "" : status.error().message);
    if (!status) wait_a_moment(stop, kAgain);
  }
}

JsonSource::JsonSource(std::unique_ptr<State> state) : state_(std::move(state)) {}

JsonSource::~JsonSource() {
  state_->thread.request_stop();
  state_->thread.join();
  rd_kafka_consumer_close(state_->consumer.get());
}

Result<std::unique_ptr<JsonSource>> JsonSource::start(const Parts& parts) {
  auto state = std::make_unique<State>(parts);
  KafkaSettings settings = follower_settings(*parts.config, parts.config->source_group);
  // A group that is new begins with the oldest message that is there.
  for (auto& [name, value] : settings) {
    if (name == "auto.offset.reset") value = "earliest";
  }
  state->consumer = TRY(
      kafka_client(KafkaRole::kConsumer, *parts.config, settings,
                   {.owner = state.get(), .delivered = nullptr, .rebalanced = State::rebalanced}));
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), parts.config->source_topic.c_str(),
                                    RD_KAFKA_PARTITION_UA);
  const auto error = rd_kafka_subscribe(state->consumer.get(), list.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(
        kafka_error(*parts.config, error, "join group " + parts.config->source_group));
  }
  state->thread =
      std::jthread([running = state.get()](const std::stop_token& stop) { running->run(stop); });
  return std::unique_ptr<JsonSource>(new JsonSource(std::move(state)));
}

JsonSource::Progress JsonSource::progress() const {
  return {state_->all_messages, state_->all_events, state_->all_duplicates};
}

std::string JsonSource::trouble() const {
  const std::lock_guard lock(state_->mutex);
  return state_->trouble;
}

}  // namespace palate
