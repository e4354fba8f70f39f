#include "kafka/kafka_log.h"

#include "events/log_contract.h"
#include "kafka/broker_for_test.h"

namespace palate {
namespace {

class KafkaFixture : public EventLogFixture {
 public:
  EventLog& log() override { return *log_; }
  void reopen() override {
    log_.reset();
    log_ = KafkaLog::open(config_, {}).value();
  }

  [[nodiscard]] bool appends_show_at_once() const override { return false; }

 private:
  KafkaConfig config_ = TestBroker::config();
  std::unique_ptr<KafkaLog> log_ = KafkaLog::open(config_, {}).value();
};

std::unique_ptr<EventLogFixture> make_kafka() { return std::make_unique<KafkaFixture>(); }

INSTANTIATE_TEST_SUITE_P(Kafka, EventLogContract, ::testing::Values(make_kafka));

TEST(KafkaLog, ABrokerThatIsNotThereIsNamedWithWhatToDo) {
  KafkaConfig config;
  config.brokers = "127.0.0.1:1";
  config.timeout_ms = 300;
  const auto opened = KafkaLog::open(config, {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kUnavailable);
  EXPECT_THAT(opened.error().message, ::testing::HasSubstr("127.0.0.1:1"));
  EXPECT_THAT(opened.error().message, ::testing::HasSubstr("kafka.brokers"));
}

TEST(KafkaLog, TopicsThatMayNotBeMadeAreAskedFor) {
  KafkaConfig config = TestBroker::config();
  config.create_topics = false;
  const auto opened = KafkaLog::open(config, {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kNotFound);
  EXPECT_THAT(opened.error().message, ::testing::HasSubstr(config.prefix + ".default.events"));
}

}  // namespace
}  // namespace palate
