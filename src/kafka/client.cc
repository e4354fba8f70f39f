#include "kafka/client.h"

#include <cstdlib>

#include <librdkafka/rdkafka.h>

#include "base/file.h"
#include "base/log.h"

namespace palate {
namespace {

constexpr size_t kPasswordBytesMax = 4096;
constexpr size_t kErrorBytes = 512;

struct ConfDeleter {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, ConfDeleter>;

Status set(rd_kafka_conf_t& conf, const std::string& name, const std::string& value) {
  std::string why(kErrorBytes, '\0');
  if (rd_kafka_conf_set(&conf, name.c_str(), value.c_str(), why.data(), why.size()) ==
      RD_KAFKA_CONF_OK) {
    return {};
  }
  return fail(Code::kInvalidArgument, "Kafka: {}", why.c_str());
}

Result<std::string> password(const KafkaConfig& config) {
  if (!config.password_file.empty()) {
    std::string text = TRY(read_file(config.password_file, kPasswordBytesMax));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
  }
  const char* text = std::getenv("KAFKA_PASSWORD");
  if (text != nullptr) return std::string(text);
  return fail(
      Code::kNotFound,
      "there is no password for kafka.username '{}': set KAFKA_PASSWORD in the environment, "
      "or kafka.password_file",
      config.username);
}

Status set_security(rd_kafka_conf_t& conf, const KafkaConfig& config) {
  TRY(set(conf, "security.protocol", config.security));
  if (!config.ca_file.empty()) TRY(set(conf, "ssl.ca.location", config.ca_file));
  if (!config.security.starts_with("sasl")) return {};
  TRY(set(conf, "sasl.mechanisms", config.sasl_mechanism));
  TRY(set(conf, "sasl.username", config.username));
  return set(conf, "sasl.password", TRY(password(config)));
}

void log(const rd_kafka_t* client, int, const char* facility, const char* text) {
  log_debug("{}: {}: {}", client != nullptr ? rd_kafka_name(client) : "kafka", facility, text);
}

}  // namespace

void KafkaDeleter::operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
void KafkaDeleter::operator()(rd_kafka_message_t* message) const {
  rd_kafka_message_destroy(message);
}
void KafkaDeleter::operator()(rd_kafka_topic_partition_list_t* list) const {
  rd_kafka_topic_partition_list_destroy(list);
}

Result<KafkaClient> kafka_client(KafkaRole role, const KafkaConfig& config,
                                 const KafkaSettings& settings, KafkaCallbacks callbacks) {
  const Conf conf(rd_kafka_conf_new());
  const KafkaSettings own{{"bootstrap.servers", config.brokers},
                          {"client.id", "palate"},
                          {"reconnect.backoff.ms", "50"},
                          {"reconnect.backoff.max.ms", "1000"},
                          {"socket.nagle.disable", "true"},
                          {"log.connection.close", "false"},
                          {"socket.timeout.ms", std::to_string(config.timeout_ms)}};
  for (const auto& [name, value] : own) TRY(set(*conf, name, value));
  TRY(set_security(*conf, config));
  for (const auto& [name, value] : settings) TRY(set(*conf, name, value));
  rd_kafka_conf_set_log_cb(conf.get(), log);
  rd_kafka_conf_set_opaque(conf.get(), callbacks.owner);
  if (callbacks.delivered != nullptr) {
    rd_kafka_conf_set_dr_msg_cb(conf.get(), callbacks.delivered);
  }
  if (callbacks.rebalanced != nullptr) {
    using Rebalanced =
        void (*)(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*, void*);
    static_assert(sizeof(rd_kafka_resp_err_t) == sizeof(int));
    rd_kafka_conf_set_rebalance_cb(conf.get(), reinterpret_cast<Rebalanced>(callbacks.rebalanced));
  }
  std::string why(kErrorBytes, '\0');
  // A client takes its settings over when it is made.
  rd_kafka_conf_t* copy = rd_kafka_conf_dup(conf.get());
  KafkaClient client(
      rd_kafka_new(role == KafkaRole::kProducer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, copy,
                   why.data(), why.size()));
  if (client == nullptr) {
    rd_kafka_conf_destroy(copy);
    return fail(Code::kInvalidArgument, "Kafka: {}", why.c_str());
  }
  if (role == KafkaRole::kConsumer) rd_kafka_poll_set_consumer(client.get());
  return client;
}

Error kafka_error(const KafkaConfig& config, int code, std::string_view doing) {
  const auto error = static_cast<rd_kafka_resp_err_t>(code);
  const std::string what =
      fmt::format("Kafka at {}: {}: {}", config.brokers, doing, rd_kafka_err2str(error));
  switch (error) {
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
      return {Code::kOverloaded, what + "; send again later"};
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return {Code::kPermission, what + "; look at kafka.username, its password and its rights"};
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return {Code::kInvalidArgument, what + "; raise max.message.bytes of the topic"};
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return {Code::kNotFound, what + "; make the topic, or set kafka.create_topics"};
    default:
      return {Code::kUnavailable,
              what + "; see that the brokers run and that kafka.brokers names them"};
  }
}

std::string topic_name(const KafkaConfig& config, const Tenant& tenant, Stream stream) {
  return fmt::format("{}.{}.{}", config.prefix, tenant.name, stream_name(stream));
}

Result<Watermarks> watermarks(rd_kafka_t& client, const KafkaConfig& config,
                              const std::string& topic, uint32_t partition) {
  Watermarks marks;
  const auto error = rd_kafka_query_watermark_offsets(
      &client, topic.c_str(), static_cast<int32_t>(partition), &marks.low, &marks.high,
      static_cast<int>(config.timeout_ms));
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return marks;
  return std::unexpected(kafka_error(config, error, fmt::format("ask how far {} goes", topic)));
}

}  // namespace palate
