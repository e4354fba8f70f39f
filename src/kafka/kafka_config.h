// The [log] and [kafka] sections.
#pragma once

#include <cstdint>
#include <string>

#include "base/config.h"
#include "base/result.h"

namespace palate {

struct LogConfig {
  std::string kind = "embedded";
  static void fields(FieldVisitor<LogConfig>& field);
  [[nodiscard]] bool is_kafka() const { return kind == "kafka"; }
};

struct KafkaConfig {
  std::string brokers = "127.0.0.1:9092";
  std::string prefix = "palate";
  std::string group = "palate";
  bool create_topics = true;
  int64_t partitions = 8;
  int64_t replication = 1;
  std::string security = "plaintext";
  std::string sasl_mechanism = "SCRAM-SHA-512";
  std::string username;
  std::string password_file;
  std::string ca_file;
  int64_t queue_events_max = 200'000;
  int64_t queue_mib = 64;
  int64_t fetch_mib = 64;
  int64_t timeout_ms = 10'000;
  int64_t session_ms = 45'000;
  std::string source_topic;
  std::string source_group = "palate-source";

  static void fields(FieldVisitor<KafkaConfig>& field);
};

}  // namespace palate
