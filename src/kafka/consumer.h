// What both followers and the reader of a team's own topic share: a consumer that begins where the
// tracker says, and goes back there after a failure. For this room's sources only.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "kafka/client.h"
#include "kafka/follow_tracker.h"

namespace palate {

// Returns early when `stop` fires.
void wait_a_moment(const std::stop_token& stop, std::chrono::milliseconds moment);

KafkaSettings follower_settings(const KafkaConfig& config, const std::string& group);

// Sets where each partition of the list is read from: behind what the tracker submitted last, else
// from its first message.
void begin_where_it_was_left(rd_kafka_topic_partition_list_s& list, const FollowTracker& tracker);
// The same for what is assigned now: what was fetched and not submitted is dropped and fetched
// again. Asks no broker, so it cannot fail.
void go_back_where_it_was_left(rd_kafka_s& consumer, const FollowTracker& tracker);

// What to do about a partition whose next message is not there: it was deleted (retention), and
// reading goes on with the first that is; or the topic ends before it, for which nothing can be
// done. Errors: kCorrupt with what happened, kUnavailable.
Status go_on_after_gap(rd_kafka_s& consumer, const KafkaConfig& config,
                       const rd_kafka_message_s& missing, const FollowTracker& tracker);

// Tells the group how far its partitions were folded, for those who watch it; nothing reads it
// back.
void commit_folded(rd_kafka_s& consumer, const FollowTracker& tracker);

}  // namespace palate
