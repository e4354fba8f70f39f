#include "kafka/kafka_config.h"

namespace palate {
namespace {

void cluster_fields(FieldVisitor<KafkaConfig>& field) {
  using C = KafkaConfig;
  field("brokers", &C::brokers, {}, "Brokers to begin with: host:port, with commas between.");
  field("prefix", &C::prefix, {},
        "Topics are called <prefix>.<tenant>.events, .items and .users; docs/kafka.md.");
  field("group", &C::group, {},
        "The consumer group; its members share the partitions of events. One that trains on "
        "everything has a group of its own.");
  field("create_topics", &C::create_topics, {}, "Make topics that are not there.");
  field("partitions", &C::partitions, {.min = 1, .max = 4096},
        "Partitions of a new topic of events: the most processes that can share a group. It cannot "
        "be changed later: users would move to other partitions.");
  field("replication", &C::replication, {.min = 1, .max = 16}, "Replicas of a new topic.");
}

void security_fields(FieldVisitor<KafkaConfig>& field) {
  using C = KafkaConfig;
  field("security", &C::security, {.one_of = {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"}},
        "How brokers are spoken to.");
  field("sasl_mechanism", &C::sasl_mechanism,
        {.one_of = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}}, "How the user is proven.");
  field("username", &C::username, {}, "The user, where `security` is one of sasl.");
  field("password_file", &C::password_file, {},
        "A file with his password and nothing else. Without one it is taken from the environment: "
        "KAFKA_PASSWORD.");
  field("ca_file", &C::ca_file, {},
        "Certificates that brokers are believed by, PEM; empty: the system's.");
}

void limit_fields(FieldVisitor<KafkaConfig>& field) {
  using C = KafkaConfig;
  field("queue_events_max", &C::queue_events_max, {.min = 1, .max = 1e8, .unit = "events"},
        "Events that wait for the broker; more are answered 429.");
  field("queue_mib", &C::queue_mib, {.min = 1, .max = 16384, .unit = "MiB"},
        "Memory for what is on its way to the broker; more is answered 429.");
  field("fetch_mib", &C::fetch_mib, {.min = 1, .max = 16384, .unit = "MiB"},
        "Memory for what was fetched and is not folded yet.");
  field("timeout_ms", &C::timeout_ms, {.min = 100, .max = 600'000, .unit = "ms"},
        "How long a broker may take. What is not durable by then is answered 503.");
  field("session_ms", &C::session_ms, {.min = 1000, .max = 1'800'000, .unit = "ms"},
        "A member of the group that is silent for so long has its partitions given to others.");
}

}  // namespace

void LogConfig::fields(FieldVisitor<LogConfig>& field) {
  field("kind", &LogConfig::kind, {.one_of = {"embedded", "kafka"}},
        "Where events are made durable: in the data directory, or in Kafka, which the data "
        "directory then follows.");
}

void KafkaConfig::fields(FieldVisitor<KafkaConfig>& field) {
  cluster_fields(field);
  security_fields(field);
  limit_fields(field);
  field("source_topic", &KafkaConfig::source_topic, {},
        "For palate consume: a topic of your own with events as JSON, one or an array a message "
        "(docs/formats/event.md), to be taken into the log.");
  field("source_group", &KafkaConfig::source_group, {}, "The consumer group that reads it.");
}

}  // namespace palate
