#include "kafka/kafka_log.h"

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include <librdkafka/rdkafka.h>

#include "base/hash.h"
#include "events/block.h"
#include "kafka/client.h"
#include "kafka/topics.h"

namespace palate {
namespace {

constexpr std::array kStreams{Stream::kEvents, Stream::kItems, Stream::kUsers};
constexpr int kPoll_ms = 100;
constexpr size_t kReadersKept = 4;

struct TopicDeleter {
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};
using Topic = std::unique_ptr<rd_kafka_topic_t, TopicDeleter>;

// One append, until all of its messages are answered.
struct Pending {
  struct Tag {
    Pending* pending = nullptr;
    size_t block = 0;
  };
  std::vector<Position> positions;
  std::vector<Tag> tags;
  std::atomic<size_t> left = 0;
  std::atomic<int> error = RD_KAFKA_RESP_ERR_NO_ERROR;  // the first
  size_t bytes = 0;
  KafkaLog::Done done;
};

KafkaSettings producer_settings(const KafkaConfig& config) {
  // The queue's own bounds lie above ours (kafka.queue_mib), which refuse a whole append.
  return {{"enable.idempotence", "true"},
          {"acks", "all"},
          {"linger.ms", "0"},
          {"compression.codec", "none"},  // blocks are compressed where it helps
          {"message.max.bytes", "4194304"},
          {"queue.buffering.max.kbytes", std::to_string(config.queue_mib * 1024 * 2 + 16 * 1024)},
          {"queue.buffering.max.messages", "1000000"},
          {"message.timeout.ms", std::to_string(config.timeout_ms)}};
}

KafkaSettings reader_settings() {
  return {{"group.id", "palate-reader"},  // is not joined
          {"enable.auto.commit", "false"},  {"auto.offset.reset", "error"},
          {"enable.partition.eof", "true"}, {"check.crcs", "true"},
          {"fetch.wait.max.ms", "20"},      {"fetch.error.backoff.ms", "20"}};
}

}  // namespace

uint32_t partition_of(std::string_view user, uint32_t partitions) {
  return static_cast<uint32_t>(hash64(user) % partitions);
}

struct KafkaLog::State {
  State(KafkaConfig c, const Tenant& tenant) : config(std::move(c)) {
    for (const Stream stream : kStreams) {
      names[static_cast<size_t>(stream)] = topic_name(config, tenant, stream);
    }
  }
  ~State();

  const KafkaConfig config;
  std::array<std::string, 3> names;
  std::array<uint32_t, 3> partitions{};
  KafkaClient producer;
  std::array<Topic, 3> topics;
  std::atomic<size_t> bytes_on_their_way = 0;
  std::jthread poller;  // calls delivered()
  mutable std::mutex mutex;
  mutable std::vector<KafkaClient> readers;  // that nobody uses now; guarded by mutex

  Status open();
  Status check(std::span<const Append> blocks) const;
  void produce(const Append& block, Pending::Tag& tag);
  void settle(Pending::Tag& tag, int error, int64_t message);
  static void delivered(rd_kafka_t*, const rd_kafka_message_t* message, void* state);
  Result<KafkaClient> take_reader() const;
  void give_back(KafkaClient reader) const;
  Status assign(rd_kafka_t& reader, const Position& from, int64_t message) const;
  Status read_on(rd_kafka_t& reader, Position from, int64_t end,
                 const std::function<Status(const Block&)>& visit) const;
  Result<Block> block_of(const rd_kafka_message_t& message, const Position& from) const;
};

// ---- writing --------------------------------------------------------------------------------

Status KafkaLog::State::open() {
  producer = TRY(kafka_client(KafkaRole::kProducer, config, producer_settings(config),
                              {.owner = this, .delivered = delivered, .rebalanced = nullptr}));
  for (const Stream stream : kStreams) {
    const auto s = static_cast<size_t>(stream);
    const int64_t wanted = stream == Stream::kEvents ? config.partitions : 1;
    partitions[s] = TRY(find_topic(*producer, config, {names[s], wanted}));
    topics[s].reset(rd_kafka_topic_new(producer.get(), names[s].c_str(), nullptr));
  }
  poller = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) rd_kafka_poll(producer.get(), kPoll_ms);
  });
  return {};
}

// Everybody who waits is answered.
KafkaLog::State::~State() {
  if (poller.joinable()) {
    poller.request_stop();
    poller.join();
  }
  if (producer == nullptr) return;
  rd_kafka_flush(producer.get(), static_cast<int>(config.timeout_ms));
  rd_kafka_purge(producer.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(producer.get(), kPoll_ms);
}

Status KafkaLog::State::check(std::span<const Append> blocks) const {
  for (const Append& block : blocks) {
    const Result<BlockInfo> info = inspect_block(block.bytes);
    if (!info || info->kind != block.stream || info->count != block.count) {
      return fail(Code::kInvalidArgument, "append: the bytes are no block of {} records of {}",
                  block.count, to_string(Position{block.stream, block.partition, 0}));
    }
    const uint32_t there = partitions[static_cast<size_t>(block.stream)];
    if (block.partition < there) continue;
    return fail(Code::kInvalidArgument, "append: {} has {} partitions, there is no {}",
                names[static_cast<size_t>(block.stream)], there, block.partition);
  }
  return {};
}

void KafkaLog::State::settle(Pending::Tag& tag, int error, int64_t message) {
  Pending* pending = tag.pending;
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    pending->positions[tag.block].offset = first_of_message(static_cast<uint64_t>(message));
  } else {
    int none = RD_KAFKA_RESP_ERR_NO_ERROR;
    pending->error.compare_exchange_strong(none, error);
  }
  if (pending->left.fetch_sub(1) > 1) return;
  const std::unique_ptr<Pending> owned(pending);
  bytes_on_their_way -= owned->bytes;
  if (owned->error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return owned->done(std::unexpected(kafka_error(config, owned->error, "append")));
  }
  owned->done(std::move(owned->positions));
}

void KafkaLog::State::delivered(rd_kafka_t*, const rd_kafka_message_t* message, void* state) {
  static_cast<State*>(state)->settle(*static_cast<Pending::Tag*>(message->_private), message->err,
                                     message->offset);
}

void KafkaLog::State::produce(const Append& block, Pending::Tag& tag) {
  // librdkafka takes a pointer that is not const, and with this flag copies what it points to.
  auto* bytes = const_cast<char*>(block.bytes.data());
  if (rd_kafka_produce(topics[static_cast<size_t>(block.stream)].get(),
                       static_cast<int32_t>(block.partition), RD_KAFKA_MSG_F_COPY, bytes,
                       block.bytes.size(), nullptr, 0, &tag) == 0) {
    return;
  }
  settle(tag, rd_kafka_last_error(), 0);
}

Status KafkaLog::append_later(std::span<const Append> blocks, Done done) {
  TRY(state_->check(blocks));
  if (blocks.empty()) {
    done(std::vector<Position>());
    return {};
  }
  auto pending = std::make_unique<Pending>();
  for (size_t i = 0; i < blocks.size(); ++i) {
    pending->positions.push_back({blocks[i].stream, blocks[i].partition, 0});
    pending->tags.push_back({pending.get(), i});
    pending->bytes += blocks[i].bytes.size();
  }
  const size_t before = state_->bytes_on_their_way.fetch_add(pending->bytes);
  if (before > 0 && before + pending->bytes > static_cast<size_t>(state_->config.queue_mib) << 20) {
    state_->bytes_on_their_way -= pending->bytes;
    return fail(Code::kOverloaded,
                "{} bytes are on their way to Kafka at {} already (kafka.queue_mib): send again "
                "later",
                before, state_->config.brokers);
  }
  pending->left = blocks.size();
  pending->done = std::move(done);
  // The last one that is answered frees it, perhaps before this returns.
  std::vector<Pending::Tag>& tags = pending.release()->tags;
  Pending::Tag* first = tags.data();
  for (size_t i = 0; i < blocks.size(); ++i) state_->produce(blocks[i], first[i]);
  return {};
}

Result<std::vector<Position>> KafkaLog::append(std::span<const Append> blocks) {
  auto promise = std::make_shared<std::promise<Result<std::vector<Position>>>>();
  auto answer = promise->get_future();
  TRY(append_later(blocks, [promise](Result<std::vector<Position>> positions) {
    promise->set_value(std::move(positions));
  }));
  return answer.get();
}

// ---- reading --------------------------------------------------------------------------------

Result<KafkaClient> KafkaLog::State::take_reader() const {
  {
    const std::lock_guard lock(mutex);
    if (!readers.empty()) {
      KafkaClient reader = std::move(readers.back());
      readers.pop_back();
      return reader;
    }
  }
  return kafka_client(KafkaRole::kConsumer, config, reader_settings());
}

void KafkaLog::State::give_back(KafkaClient reader) const {
  rd_kafka_assign(reader.get(), nullptr);
  const std::lock_guard lock(mutex);
  if (readers.size() < kReadersKept) readers.push_back(std::move(reader));
}

Status KafkaLog::State::assign(rd_kafka_t& reader, const Position& from, int64_t message) const {
  const std::string& name = names[static_cast<size_t>(from.stream)];
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), name.c_str(), static_cast<int32_t>(from.partition))
      ->offset = message;
  const auto error = rd_kafka_assign(&reader, list.get());
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return std::unexpected(kafka_error(config, error, "read " + name));
}

Result<EventLog::Block> KafkaLog::State::block_of(const rd_kafka_message_t& message,
                                                  const Position& from) const {
  Block block;
  block.first = {from.stream, from.partition,
                 first_of_message(static_cast<uint64_t>(message.offset))};
  block.bytes = {static_cast<const char*>(message.payload), message.len};
  const Result<BlockInfo> info = inspect_block(block.bytes);
  if (!info) return std::unexpected(info.error().within(to_string(block.first)));
  if (info->kind != from.stream) {
    return fail(Code::kCorrupt, "{}: {} holds a block of another stream", to_string(block.first),
                names[static_cast<size_t>(from.stream)]);
  }
  block.count = info->count;
  return block;
}

Status KafkaLog::State::read_on(rd_kafka_t& reader, Position from, int64_t end,
                                const std::function<Status(const Block&)>& visit) const {
  const auto patience = std::chrono::milliseconds(config.timeout_ms);
  auto deadline = std::chrono::steady_clock::now() + patience;
  int error = RD_KAFKA_RESP_ERR__TIMED_OUT;
  while (std::chrono::steady_clock::now() < deadline) {
    const KafkaMessage message(rd_kafka_consumer_poll(&reader, kPoll_ms));
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && message->offset >= end) return {};
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      error = message->err;
      if (error == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) break;  // gone while it was read
      continue;
    }
    deadline = std::chrono::steady_clock::now() + patience;
    if (message->offset >= end) return {};
    const Block block = TRY(block_of(*message, from));
    // The first one may end before the place that was asked for.
    if (block.first.offset + block.count > from.offset) TRY(visit(block));
    if (message->offset + 1 >= end) return {};
  }
  return std::unexpected(
      kafka_error(config, error, "read " + names[static_cast<size_t>(from.stream)]));
}

Status KafkaLog::read(Position from, const std::function<Status(const Block&)>& visit) const {
  const auto stream = static_cast<size_t>(from.stream);
  if (from.partition >= state_->partitions[stream]) return {};
  KafkaClient reader = TRY(state_->take_reader());
  const Watermarks marks =
      TRY(watermarks(*reader, state_->config, state_->names[stream], from.partition));
  const int64_t begin = std::max(marks.low, static_cast<int64_t>(message_of(from.offset)));
  Status status;
  if (begin < marks.high) {
    status = state_->assign(*reader, from, begin);
    if (status) status = state_->read_on(*reader, from, marks.high, visit);
  }
  state_->give_back(std::move(reader));
  return status;
}

Result<AsOf> KafkaLog::ends() const {
  AsOf ends;
  for (const Stream stream : kStreams) {
    const auto s = static_cast<size_t>(stream);
    for (uint32_t p = 0; p < state_->partitions[s]; ++p) {
      const Watermarks marks =
          TRY(watermarks(*state_->producer, state_->config, state_->names[s], p));
      if (marks.high == 0) continue;
      ends.push_back({stream, p, first_of_message(static_cast<uint64_t>(marks.high))});
    }
  }
  return ends;
}

// ---- the rest -------------------------------------------------------------------------------

KafkaLog::KafkaLog(std::unique_ptr<State> state) : state_(std::move(state)) {}
KafkaLog::~KafkaLog() = default;

Result<std::unique_ptr<KafkaLog>> KafkaLog::open(const KafkaConfig& config, const Tenant& tenant) {
  auto state = std::make_unique<State>(config, tenant);
  TRY(state->open());
  return std::unique_ptr<KafkaLog>(new KafkaLog(std::move(state)));
}

uint32_t KafkaLog::partitions() const { return state_->partitions[0]; }

std::string KafkaLog::cluster() const {
  char* name =
      rd_kafka_clusterid(state_->producer.get(), static_cast<int>(state_->config.timeout_ms));
  if (name == nullptr) return {};
  std::string copy = name;
  rd_kafka_mem_free(state_->producer.get(), name);
  return copy;
}

}  // namespace palate
