#include "kafka/topic_writer.h"

#include <utility>

#include "kafka/cluster.h"
#include "kafka/kafka_intake.h"
#include "kafka/kafka_log.h"

namespace palate {

struct TopicWriter::State {
  State(const Parts& parts, std::unique_ptr<KafkaLog> opened)
      : log(std::move(opened)),
        intake({.config = parts.config,
                .types = parts.types,
                .items = &parts.data->state().catalogue()}) {
    intake.connect(*log);
  }
  std::unique_ptr<KafkaLog> log;
  KafkaIntake intake;  // goes first: it waits for its answers
};

TopicWriter::TopicWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
TopicWriter::~TopicWriter() = default;

Result<std::unique_ptr<TopicWriter>> TopicWriter::open(const Parts& parts) {
  auto log = TRY(KafkaLog::open(*parts.config, parts.tenant));
  TRY(check_cluster(*parts.data, log->cluster()));
  return std::unique_ptr<TopicWriter>(
      new TopicWriter(std::make_unique<State>(parts, std::move(log))));
}

Status TopicWriter::submit_events(EventBatch batch, Done done) {
  return state_->intake.submit_events(std::move(batch), std::move(done));
}
Status TopicWriter::submit_items(std::vector<ItemRecord> items, Done done) {
  return state_->intake.submit_items(std::move(items), std::move(done));
}
Status TopicWriter::submit_users(std::vector<UserRecord> users, Done done) {
  return state_->intake.submit_users(std::move(users), std::move(done));
}
Status TopicWriter::submit_forget(std::vector<std::string> /*users*/, Done /*done*/) {
  return fail(Code::kInvalidArgument,
              "users are forgotten by who follows the topics: ask each replica");
}
size_t TopicWriter::queued_events() const { return state_->intake.queued_events(); }
std::string TopicWriter::trouble() const { return state_->intake.trouble(); }

}  // namespace palate
