#include "kafka/kafka_stream.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "base/stop.h"
#include "kafka/client.h"
#include "kafka/cluster.h"
#include "kafka/consumer.h"
#include "kafka/events_follower.h"
#include "kafka/kafka_intake.h"

namespace palate {
namespace {

constexpr auto kAgain = std::chrono::milliseconds(500);
constexpr auto kLook = std::chrono::milliseconds(5);
constexpr size_t kForgetQueueMax = 1000;

}  // namespace

// In the order of construction; what uses another goes first.
struct KafkaStream::State {
  explicit State(const Parts& p)
      : parts(p),
        refused_events(p.data->root() / "quarantine"),
        refused_records(p.data->root() / "quarantine"),
        intake({.config = p.config, .types = p.types, .items = &p.data->state().catalogue()}) {
    for (const Stream stream : {Stream::kEvents, Stream::kItems, Stream::kUsers}) {
      topics[static_cast<size_t>(stream)] = topic_name(*p.config, p.tenant, stream);
    }
  }

  const Parts parts;
  RefusedMessages refused_events, refused_records;
  std::array<std::string, 3> topics;
  std::unique_ptr<KafkaLog> log;  // these three are there once `connected` is set
  KafkaIntake intake;             // before the log: it must be answered by it
  std::unique_ptr<RecordsFollower> records;
  std::unique_ptr<EventsFollower> events;
  std::atomic<bool> connected = false;
  std::jthread connector;

  Status connect();
  void run(const std::stop_token& stop);
  [[nodiscard]] AsOf positions_of(const FollowTracker::Marks& marks) const;
  [[nodiscard]] std::shared_ptr<const AsOf> folded() const;
  Status wait_for_all_of(const std::vector<std::string>& users, const std::stop_token& stop) const;
  void forget(const std::stop_token& stop);

  struct Known {  // the last answer of folded()
    std::mutex mutex;
    std::shared_ptr<const FollowTracker::Marks> of_events, of_records;
    std::shared_ptr<const AsOf> folded;
  };
  mutable Known known;
  struct Asked {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::deque<std::pair<std::vector<std::string>, Done>> queue;
  };
  Asked asked;
  std::jthread forgetter;
};

Status KafkaStream::State::connect() {
  if (log == nullptr) log = TRY(KafkaLog::open(*parts.config, parts.tenant));
  TRY(check_cluster(*parts.data, log->cluster()));
  FollowParts follow{.config = parts.config,
                     .tenant = parts.tenant,
                     .types = parts.types,
                     .data = parts.data,
                     .log = log.get(),
                     .refused = &refused_records};
  if (records == nullptr) records = TRY(RecordsFollower::start(follow));
  follow.refused = &refused_events;
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

AsOf KafkaStream::State::positions_of(const FollowTracker::Marks& marks) const {
  AsOf positions;
  for (const auto& [source, place] : marks) {
    const size_t slash = source.rfind('/');
    const auto topic = std::ranges::find(topics, source.substr(0, slash));
    if (topic == topics.end()) continue;
    Position at{static_cast<Stream>(topic - topics.begin()), 0, first_of_message(place)};
    at.partition = static_cast<uint32_t>(std::strtoul(source.c_str() + slash + 1, nullptr, 10));
    positions.push_back(at);
  }
  std::ranges::sort(positions);
  return positions;
}

// What each follower has folded, of its own topics; every answer of the server asks.
std::shared_ptr<const AsOf> KafkaStream::State::folded() const {
  if (!connected) return std::make_shared<const AsOf>(positions_of(parts.data->ingest().marks()));
  const auto of_events = events->tracker().folded(), of_records = records->tracker().folded();
  const std::lock_guard lock(known.mutex);
  if (known.of_events == of_events && known.of_records == of_records) return known.folded;
  FollowTracker::Marks marks = *of_events;
  for (const auto& [source, place] : *of_records) {
    uint64_t& at = marks[source];
    at = std::max(at, place);
  }
  known.of_events = of_events;
  known.of_records = of_records;
  known.folded = std::make_shared<const AsOf>(positions_of(marks));
  return known.folded;
}

// What the users did that is in the topics by now is followed first: it would come back behind the
// forgetting.
Status KafkaStream::State::wait_for_all_of(const std::vector<std::string>& users,
                                           const std::stop_token& stop) const {
  if (!connected) return fail(Code::kUnavailable, "{}", intake.trouble());
  AsOf ends = TRY(log->ends());
  std::erase_if(ends, [&](const Position& end) {
    if (end.stream == Stream::kItems) return true;
    if (end.stream == Stream::kUsers) return false;
    return !events->follows(end.partition) ||
           std::ranges::none_of(users, [&](const std::string& user) {
             return partition_of(user, log->partitions()) == end.partition;
           });
  });
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(parts.config->timeout_ms);
  while (!covers(*folded(), ends)) {
    TRY(check_stop(stop));
    if (std::chrono::steady_clock::now() > deadline) {
      return fail(Code::kUnavailable,
                  "what these users did is not followed to its end yet; ask again");
    }
    wait_a_moment(stop, kLook);
  }
  return {};
}

void KafkaStream::State::forget(const std::stop_token& stop) {
  std::unique_lock lock(asked.mutex);
  while (asked.wake.wait(lock, stop, [&] { return !asked.queue.empty(); })) {
    auto [users, done] = std::move(asked.queue.front());
    asked.queue.pop_front();
    lock.unlock();
    Status status = wait_for_all_of(users, stop);
    if (status) status = parts.data->ingest().submit_forget(std::move(users), done);
    if (!status) done(std::unexpected(status.error()));
    lock.lock();
  }
  for (const auto& [users, done] : asked.queue) {
    done(fail(Code::kUnavailable, "the server stops; ask again"));
  }
}

KafkaStream::KafkaStream(const Parts& parts) : state_(std::make_unique<State>(parts)) {
  state_->connector =
      std::jthread([state = state_.get()](const std::stop_token& stop) { state->run(stop); });
  state_->forgetter =
      std::jthread([state = state_.get()](const std::stop_token& stop) { state->forget(stop); });
}

KafkaStream::~KafkaStream() {
  state_->forgetter.request_stop();
  state_->forgetter.join();
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
Status KafkaStream::submit_forget(std::vector<std::string> users, Done done) {
  const std::lock_guard lock(state_->asked.mutex);
  if (state_->asked.queue.size() >= kForgetQueueMax) {
    return fail(Code::kOverloaded, "{} others wait to be forgotten: ask again later",
                kForgetQueueMax);
  }
  state_->asked.queue.emplace_back(std::move(users), std::move(done));
  state_->asked.wake.notify_one();
  return {};
}
size_t KafkaStream::queued_events() const { return state_->intake.queued_events(); }

std::string KafkaStream::trouble() const {
  std::string trouble = state_->intake.trouble();
  if (trouble.empty() && state_->connected) trouble = state_->events->trouble();
  if (trouble.empty() && state_->connected) trouble = state_->records->tracker().trouble();
  return trouble;
}

AsOf KafkaStream::folded() const { return *state_->folded(); }

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
  Progress progress{.refused = state_->refused_events.count() + state_->refused_records.count()};
  if (!state_->connected) return progress;
  progress.connected = true;
  progress.partitions = state_->events->partitions();
  progress.behind = state_->events->behind();
  progress.events = state_->events->tracker().accepted();
  progress.duplicates = state_->events->tracker().duplicates();
  return progress;
}

}  // namespace palate
