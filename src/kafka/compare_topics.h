// Whether everything that was read from the topics is in the log of a data directory: each event of
// the partitions that it follows, up to the place that it has reached. With `palate verify`, which
// holds state against log, that is the whole way.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "events/event_types.h"
#include "ingest/data_directory.h"
#include "kafka/kafka_config.h"

namespace palate {

struct TopicsCompared {
  uint64_t events = 0;               // of the topics, that may be in the log
  uint64_t repeated = 0;             // of them, there more than once
  uint64_t refused = 0;              // messages and rows that may not
  std::vector<std::string> missing;  // in words; the first hundred
};

struct CompareTopics {
  const KafkaConfig* config;
  Tenant tenant;
  const EventTypes* types;
  std::stop_token stop;
};
// `data` may be a reader beside a writer. Messages that the brokers have deleted are not looked
// for. Memory: 16 bytes an event. Errors: kUnavailable, kCancelled.
Result<TopicsCompared> compare_topics(const CompareTopics& options, DataDirectory& data);

}  // namespace palate
