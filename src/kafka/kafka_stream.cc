#include "kafka/kafka_stream.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "kafka/client.h"
#include "kafka/consumer.h"
#include "kafka/events_follower.h"
#include "kafka/kafka_intake.h"

namespace palate {
namespace {

constexpr std::string_view kClusterFact = "kafka.cluster";
constexpr auto kAgain = std::chrono::milliseconds(500);

// Places in one cluster's topics mean nothing in another's.
Status check_cluster(DataDirectory& data, const std::string& cluster) {
  const auto facts = TRY(data.meta(kClusterFact));
  if (facts.empty()) return data.put_meta(kClusterFact, cluster);
  if (facts.front().second == cluster) return {};
  return fail(Code::kConflict,
              "{}: this data directory follows the Kafka cluster '{}', not '{}': use a new one",
              data.root().string(), facts.front().second, cluster);
}

}  // namespace

// In the order of construction; what uses another goes first.
struct KafkaStream::State {
  explicit State(const Parts& p)
      : parts(p),
        refused(p.data->root() / "quarantine"),
        intake({.config = p.config, .types = p.types, .items = &p.data->state().catalogue()}) {
    for (const Stream stream : {Stream::kEvents, Stream::kItems, Stream::kUsers}) {
      topics[static_cast<size_t>(stream)] = topic_name(*p.config, p.tenant, stream);
    }
  }

  const Parts parts;
  RefusedMessages refused;
  std::array<std::string, 3> topics;
  std::unique_ptr<KafkaLog> log;  // these three are there once `connected` is set
  KafkaIntake intake;             // before the log: it must be answered by it
  std::unique_ptr<RecordsFollower> records;
  std::unique_ptr<EventsFollower> events;
  std::atomic<bool> connected = false;
  std::jthread connector;

  Status connect();
  void run(const std::stop_token& stop);
  [[nodiscard]] FollowTracker::Marks marks() const;
};

Status KafkaStream::State::connect() {
  if (log == nullptr) log = TRY(KafkaLog::open(*parts.config, parts.tenant));
  TRY(check_cluster(*parts.data, log->cluster()));
  const FollowParts follow{.config = parts.config,
                           .tenant = parts.tenant,
                           .types = parts.types,
                           .data = parts.data,
                           .log = log.get(),
                           .refused = &refused};
  if (records == nullptr) records = TRY(RecordsFollower::start(follow));
  events = TRY(EventsFollower::start(follow, *records));
  connected = true;
  intake.connect(*log);
  return {};
}

void KafkaStream::State::run(const std::stop_token& stop) {
  std::string last;
  while (!stop.stop_requested()) {
    const Status status = connect();
    if (status) {
      log_info("following {} of Kafka at {}", topics[0], parts.config->brokers);
      return;
    }
    if (last != status.error().message) log_warning("{}", status.error().message);
    last = status.error().message;
    intake.refuse(last);
    wait_a_moment(stop, kAgain);
  }
}

// What each follower has folded, of its own topics.
FollowTracker::Marks KafkaStream::State::marks() const {
  if (!connected) return parts.data->ingest().marks();
  FollowTracker::Marks marks = events->tracker().folded();
  for (const auto& [source, place] : records->tracker().folded()) {
    uint64_t& at = marks[source];
    at = std::max(at, place);
  }
  return marks;
}

KafkaStream::KafkaStream(const Parts& parts) : state_(std::make_unique<State>(parts)) {
  state_->connector =
      std::jthread([state = state_.get()](const std::stop_token& stop) { state->run(stop); });
}

KafkaStream::~KafkaStream() {
  state_->connector.request_stop();
  state_->connector.join();
  state_->events.reset();
  state_->records.reset();
}

Status KafkaStream::submit_events(EventBatch batch, Done done) {
  return state_->intake.submit_events(std::move(batch), std::move(done));
}
Status KafkaStream::submit_items(std::vector<ItemRecord> items, Done done) {
  return state_->intake.submit_items(std::move(items), std::move(done));
}
Status KafkaStream::submit_users(std::vector<UserRecord> users, Done done) {
  return state_->intake.submit_users(std::move(users), std::move(done));
}
size_t KafkaStream::queued_events() const { return state_->intake.queued_events(); }

std::string KafkaStream::trouble() const {
  std::string trouble = state_->intake.trouble();
  if (trouble.empty() && state_->connected) trouble = state_->events->trouble();
  if (trouble.empty() && state_->connected) trouble = state_->records->tracker().trouble();
  return trouble;
}

AsOf KafkaStream::folded() const {
  AsOf folded;
  for (const auto& [source, place] : state_->marks()) {
    const size_t slash = source.rfind('/');
    const auto topic = std::ranges::find(state_->topics, source.substr(0, slash));
    if (topic == state_->topics.end()) continue;
    Position at{static_cast<Stream>(topic - state_->topics.begin()), 0, first_of_message(place)};
    at.partition = static_cast<uint32_t>(std::strtoul(source.c_str() + slash + 1, nullptr, 10));
    folded.push_back(at);
  }
  std::ranges::sort(folded);
  return folded;
}

bool KafkaStream::reached(const AsOf& positions, std::string_view user) const {
  if (user.empty() || !state_->connected) return covers(folded(), positions);
  const uint32_t own = partition_of(user, state_->log->partitions());
  AsOf wanted = positions;
  std::erase_if(wanted, [&](const Position& position) {
    return position.stream == Stream::kEvents && position.partition != own;
  });
  return covers(folded(), wanted);
}

KafkaStream::Progress KafkaStream::progress() const {
  Progress progress{.refused = state_->refused.count()};
  if (!state_->connected) return progress;
  progress.connected = true;
  progress.partitions = state_->events->partitions();
  progress.behind = state_->events->behind();
  progress.events = state_->events->tracker().accepted();
  progress.duplicates = state_->events->tracker().duplicates();
  return progress;
}

}  // namespace palate
