// Items and users: one partition each, read whole by every process, so no group shares them.
#include <chrono>
#include <thread>
#include <variant>

#include <librdkafka/rdkafka.h>

#include "base/log.h"
#include "base/stop.h"
#include "events/block.h"
#include "kafka/consumer.h"
#include "kafka/events_follower.h"

namespace palate {
namespace {

constexpr int kPoll_ms = 100;
constexpr auto kLook = std::chrono::milliseconds(1);
constexpr auto kAgain = std::chrono::milliseconds(500);  // after a failure

}  // namespace

struct RecordsFollower::State {
  explicit State(const FollowParts& p) : parts(p), tracker(p.data->ingest()) {}

  const FollowParts parts;
  FollowTracker tracker;
  std::string items, users;  // topics
  KafkaClient consumer;
  std::jthread thread;

  Status assign();
  void run(const std::stop_token& stop);
  Status take(const rd_kafka_message_t& message);
  Status read_block(const rd_kafka_message_t& message, bool is_items, Followed& followed);
};

Status RecordsFollower::State::assign() {
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(2));
  for (const std::string& topic : {items, users}) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), 0);
  }
  begin_where_it_was_left(*list, tracker);
  const auto error = rd_kafka_assign(consumer.get(), list.get());
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return std::unexpected(kafka_error(*parts.config, error, "read " + items));
}

Status RecordsFollower::State::read_block(const rd_kafka_message_t& message, bool is_items,
                                          Followed& followed) {
  const std::string_view bytes(static_cast<const char*>(message.payload), message.len);
  if (is_items) {
    followed.what = TRY(decode_items(bytes));
  } else {
    followed.what = TRY(decode_users(bytes));
  }
  return {};
}

Status RecordsFollower::State::take(const rd_kafka_message_t& message) {
  const std::string topic = rd_kafka_topic_name(message.rkt);
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
    return go_on_after_gap(*consumer, *parts.config, message, tracker);
  }
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) return {};  // it tries again by itself
  const auto offset = static_cast<uint64_t>(message.offset);
  Followed followed{.what = {}, .marks = {{mark_of(topic, 0), offset, offset + 1}}};
  if (const Status read = read_block(message, topic == items, followed); !read) {
    const std::string_view bytes(static_cast<const char*>(message.payload), message.len);
    parts.refused->add({topic, 0, offset}, reject(Reason::kBadBlock, read.error().message), bytes);
    if (Status kept = parts.refused->flush(); !kept) {
      parts.refused->drop();  // it is read again
      return kept;
    }
    followed.what = PreparedEvents{};
  }
  TRY(tracker.submit(std::move(followed)));
  return {};
}

void RecordsFollower::State::run(const std::stop_token& stop) {
  std::string said;  // to the operator, last
  while (!stop.stop_requested()) {
    const KafkaMessage message(rd_kafka_consumer_poll(consumer.get(), kPoll_ms));
    Status taken;
    if (message != nullptr) taken = take(*message);
    if (taken && !tracker.failed()) continue;
    const std::string why = taken ? tracker.trouble() : taken.error().message;
    if (why != said) log_warning("items and users of Kafka wait: {}", why);
    said = why;
    tracker.drain();
    tracker.reset();
    wait_a_moment(stop, kAgain);
    go_back_where_it_was_left(*consumer, tracker);
  }
}

RecordsFollower::RecordsFollower(std::unique_ptr<State> state) : state_(std::move(state)) {}

RecordsFollower::~RecordsFollower() {
  state_->thread.request_stop();
  state_->thread.join();
  state_->tracker.drain();
  rd_kafka_consumer_close(state_->consumer.get());
}

Result<std::unique_ptr<RecordsFollower>> RecordsFollower::start(const FollowParts& parts) {
  auto state = std::make_unique<State>(parts);
  state->items = topic_name(*parts.config, parts.tenant, Stream::kItems);
  state->users = topic_name(*parts.config, parts.tenant, Stream::kUsers);
  state->consumer = TRY(kafka_client(KafkaRole::kConsumer, *parts.config,
                                     follower_settings(*parts.config, "palate-records")));
  TRY(state->assign());
  state->thread =
      std::jthread([running = state.get()](const std::stop_token& stop) { running->run(stop); });
  return std::unique_ptr<RecordsFollower>(new RecordsFollower(std::move(state)));
}

const FollowTracker& RecordsFollower::tracker() const { return state_->tracker; }

Status RecordsFollower::read_items_to_end(const std::stop_token& stop) {
  const Watermarks marks =
      TRY(watermarks(*state_->consumer, *state_->parts.config, state_->items, 0));
  const std::string mark = mark_of(state_->items, 0);
  const auto reached = [&] {
    const auto folded = state_->tracker.folded();
    const auto at = folded->find(mark);
    return marks.high == 0 ||
           (at != folded->end() && at->second >= static_cast<uint64_t>(marks.high));
  };
  const auto deadline = std::chrono::steady_clock::now() +
                        std::chrono::milliseconds(state_->parts.config->timeout_ms);
  while (!reached()) {
    TRY(check_stop(stop));
    if (std::chrono::steady_clock::now() > deadline) {
      return fail(Code::kUnavailable, "{} is not read to its end yet", state_->items);
    }
    std::this_thread::sleep_for(kLook);
  }
  return {};
}

}  // namespace palate
