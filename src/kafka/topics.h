// Topics: found, and made where there are none. For this room only.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "kafka/client.h"

namespace palate {

struct TopicWanted {
  std::string name;
  int64_t partitions = 1;
};
// How many partitions the topic has, each with a leader. Makes the topic where there is none and
// kafka.create_topics says so. Errors: kNotFound, kUnavailable, kPermission.
Result<uint32_t> find_topic(rd_kafka_s& client, const KafkaConfig& config,
                            const TopicWanted& wanted);

}  // namespace palate
