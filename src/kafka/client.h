// The clients of librdkafka that this room uses. For its sources only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "kafka/kafka_config.h"

struct rd_kafka_s;
struct rd_kafka_message_s;
struct rd_kafka_topic_partition_list_s;

namespace palate {

struct KafkaDeleter {
  void operator()(rd_kafka_s* client) const;
  void operator()(rd_kafka_message_s* message) const;
  void operator()(rd_kafka_topic_partition_list_s* list) const;
};
using KafkaClient = std::unique_ptr<rd_kafka_s, KafkaDeleter>;
using KafkaMessage = std::unique_ptr<rd_kafka_message_s, KafkaDeleter>;
using KafkaPartitions = std::unique_ptr<rd_kafka_topic_partition_list_s, KafkaDeleter>;

// What is called back, with `owner`: during poll() of the client.
struct KafkaCallbacks {
  void* owner = nullptr;
  void (*delivered)(rd_kafka_s*, const rd_kafka_message_s*, void*) = nullptr;
  void (*rebalanced)(rd_kafka_s*, int error, rd_kafka_topic_partition_list_s*, void*) = nullptr;
};
enum class KafkaRole : uint8_t { kProducer, kConsumer };
using KafkaSettings = std::vector<std::pair<std::string, std::string>>;

// A client with the configured brokers and credentials, and these settings. Does not connect yet.
// Errors: kInvalidArgument, kNotFound for a password that is not there.
Result<KafkaClient> kafka_client(KafkaRole role, const KafkaConfig& config,
                                 const KafkaSettings& settings, KafkaCallbacks callbacks = {});

// An error of librdkafka with the brokers, what was being done, and what to do about it.
Error kafka_error(const KafkaConfig& config, int code, std::string_view doing);

// The topic of a stream.
std::string topic_name(const KafkaConfig& config, const Tenant& tenant, Stream stream);

// First and next offset of a partition. Errors: kUnavailable.
struct Watermarks {
  int64_t low = 0, high = 0;
};
Result<Watermarks> watermarks(rd_kafka_s& client, const KafkaConfig& config,
                              const std::string& topic, uint32_t partition);

}  // namespace palate
