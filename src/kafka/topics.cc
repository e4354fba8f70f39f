#include "kafka/topics.h"

#include <chrono>
#include <thread>

#include <librdkafka/rdkafka.h>

namespace palate {
namespace {

// Blocks are 64 KiB but for a single record that is longer.
constexpr std::string_view kMessageBytesMax = "4194304";
constexpr auto kBetweenLooks = std::chrono::milliseconds(20);

struct TopicDeleter {
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
  void operator()(rd_kafka_AdminOptions_t* options) const {
    rd_kafka_AdminOptions_destroy(options);
  }
  void operator()(const rd_kafka_metadata_t* data) const { rd_kafka_metadata_destroy(data); }
};
template <class T>
using Owned = std::unique_ptr<T, TopicDeleter>;

// 0 partitions: the topic is not there, or not all of it yet.
Result<uint32_t> look(rd_kafka_t& client, const KafkaConfig& config, const std::string& name) {
  const Owned<rd_kafka_topic_t> topic(rd_kafka_topic_new(&client, name.c_str(), nullptr));
  const rd_kafka_metadata_t* found = nullptr;
  const auto error =
      rd_kafka_metadata(&client, 0, topic.get(), &found, static_cast<int>(config.timeout_ms));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(kafka_error(config, error, "look for topic " + name));
  }
  const Owned<const rd_kafka_metadata_t> metadata(found);
  if (metadata->topic_cnt == 0) return 0;
  const rd_kafka_metadata_topic& there = metadata->topics[0];
  if (there.err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
    return std::unexpected(kafka_error(config, there.err, "look for topic " + name));
  }
  if (there.err != RD_KAFKA_RESP_ERR_NO_ERROR) return 0;
  for (int p = 0; p < there.partition_cnt; ++p) {
    if (there.partitions[p].leader < 0) return 0;
  }
  return static_cast<uint32_t>(there.partition_cnt);
}

// One that somebody else has just made is as good.
Status create(rd_kafka_t& client, const KafkaConfig& config, const TopicWanted& wanted) {
  std::string why(512, '\0');
  const Owned<rd_kafka_NewTopic_t> topic(
      rd_kafka_NewTopic_new(wanted.name.c_str(), static_cast<int>(wanted.partitions),
                            static_cast<int>(config.replication), why.data(), why.size()));
  if (topic == nullptr) return fail(Code::kInvalidArgument, "Kafka: {}", why.c_str());
  rd_kafka_NewTopic_set_config(topic.get(), "max.message.bytes", kMessageBytesMax.data());
  const Owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(&client));
  const Owned<rd_kafka_AdminOptions_t> options(
      rd_kafka_AdminOptions_new(&client, RD_KAFKA_ADMIN_OP_CREATETOPICS));
  rd_kafka_NewTopic_t* topics[] = {topic.get()};
  rd_kafka_CreateTopics(&client, topics, 1, options.get(), queue.get());
  const Owned<rd_kafka_event_t> event(
      rd_kafka_queue_poll(queue.get(), static_cast<int>(config.timeout_ms)));
  const std::string doing = "make topic " + wanted.name;
  if (event == nullptr) {
    return std::unexpected(kafka_error(config, RD_KAFKA_RESP_ERR__TIMED_OUT, doing));
  }
  auto error = rd_kafka_event_error(event.get());
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    size_t count = 0;
    const auto* results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(event.get()), &count);
    if (count == 1) error = rd_kafka_topic_result_error(results[0]);
  }
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
    return {};
  }
  return std::unexpected(kafka_error(config, error, doing));
}

}  // namespace

Result<uint32_t> find_topic(rd_kafka_t& client, const KafkaConfig& config,
                            const TopicWanted& wanted) {
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(config.timeout_ms);
  bool created = false;
  for (;;) {
    const uint32_t partitions = TRY(look(client, config, wanted.name));
    if (partitions > 0) return partitions;
    if (!created && config.create_topics) TRY(create(client, config, wanted));
    created = true;
    if (!config.create_topics || std::chrono::steady_clock::now() > deadline) {
      return std::unexpected(kafka_error(config, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                                         "look for topic " + wanted.name));
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

}  // namespace palate
