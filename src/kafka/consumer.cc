#include "kafka/consumer.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <span>

#include <librdkafka/rdkafka.h>

#include "base/log.h"
#include "kafka/events_follower.h"

namespace palate {
namespace {

std::span<rd_kafka_topic_partition_t> entries(rd_kafka_topic_partition_list_t& list) {
  return {list.elems, static_cast<size_t>(list.cnt)};
}

KafkaPartitions assigned(rd_kafka_t& consumer) {
  rd_kafka_topic_partition_list_t* list = nullptr;
  if (rd_kafka_assignment(&consumer, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) return nullptr;
  return KafkaPartitions(list);
}

// Asked for one partition: the error is that partition's.
Status seek(rd_kafka_t& consumer, const KafkaConfig& config,
            rd_kafka_topic_partition_list_t& list) {
  rd_kafka_error_t* error =
      rd_kafka_seek_partitions(&consumer, &list, static_cast<int>(config.timeout_ms));
  int code = list.elems[0].err;
  if (error != nullptr) {
    code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
  }
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return std::unexpected(kafka_error(config, code, "read behind what was deleted"));
}

}  // namespace

void wait_a_moment(const std::stop_token& stop, std::chrono::milliseconds moment) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, moment, [] { return false; });
}

KafkaSettings follower_settings(const KafkaConfig& config, const std::string& group) {
  return {{"group.id", group},
          {"enable.auto.commit", "false"},
          {"enable.auto.offset.store", "false"},
          {"auto.offset.reset", "error"},
          {"partition.assignment.strategy", "range"},
          {"session.timeout.ms", std::to_string(config.session_ms)},
          {"heartbeat.interval.ms", std::to_string(std::max<int64_t>(config.session_ms / 10, 100))},
          {"queued.max.messages.kbytes", std::to_string(config.fetch_mib * 1024)},
          {"queued.min.messages", "100000"},
          {"fetch.error.backoff.ms", "50"},
          {"topic.metadata.refresh.interval.ms", "30000"}};
}

void begin_where_it_was_left(rd_kafka_topic_partition_list_t& list, const FollowTracker& tracker) {
  for (rd_kafka_topic_partition_t& entry : entries(list)) {
    const auto place = tracker.next(mark_of(entry.topic, static_cast<uint32_t>(entry.partition)));
    entry.offset = place ? static_cast<int64_t>(*place) : RD_KAFKA_OFFSET_BEGINNING;
  }
}

void go_back_where_it_was_left(rd_kafka_t& consumer, const FollowTracker& tracker) {
  const KafkaPartitions list = assigned(consumer);
  if (list == nullptr || list->cnt == 0) return;
  begin_where_it_was_left(*list, tracker);
  rd_kafka_assign(&consumer, list.get());
}

Status go_on_after_gap(rd_kafka_t& consumer, const KafkaConfig& config,
                       const rd_kafka_message_t& missing, const FollowTracker& tracker) {
  const std::string topic = rd_kafka_topic_name(missing.rkt);
  const auto partition = static_cast<uint32_t>(missing.partition);
  const Watermarks marks = TRY(watermarks(consumer, config, topic, partition));
  const uint64_t place = tracker.next(mark_of(topic, partition)).value_or(0);
  if (place > static_cast<uint64_t>(marks.high)) {
    return fail(Code::kCorrupt,
                "{}/{} ends at {}, but this data directory has read up to {}: the topic was made "
                "anew or the brokers have lost messages. Follow it with a new data directory",
                topic, partition, marks.high, place);
  }
  if (place < static_cast<uint64_t>(marks.low)) {
    log_warning("{}/{}: messages {} to {} were deleted before they were read here (retention)",
                topic, partition, place, marks.low);
  }
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), static_cast<int32_t>(partition))
      ->offset = std::max<int64_t>(marks.low, static_cast<int64_t>(place));
  return seek(consumer, config, *list);
}

void commit_folded(rd_kafka_t& consumer, const FollowTracker& tracker) {
  const KafkaPartitions list = assigned(consumer);
  if (list == nullptr || list->cnt == 0) return;
  const auto marks = tracker.folded();
  const FollowTracker::Marks& folded = *marks;
  for (rd_kafka_topic_partition_t& entry : entries(*list)) {
    const auto at = folded.find(mark_of(entry.topic, static_cast<uint32_t>(entry.partition)));
    entry.offset = at == folded.end() ? RD_KAFKA_OFFSET_INVALID : static_cast<int64_t>(at->second);
  }
  rd_kafka_commit(&consumer, list.get(), 1);
}

}  // namespace palate
