#include "store/redis_state.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <unistd.h>

namespace palate {
namespace {

constexpr size_t kIdleMax = 16;      // connections that are kept
constexpr size_t kKeysAtOnce = 512;  // of one command, or of commands in flight
constexpr int kScansMax = 20;        // tries to see one moment
constexpr std::chrono::milliseconds kPause{500};
constexpr std::string_view kStagedMs = "3600000";

using Pairs = std::vector<std::pair<std::string, std::string>>;

// A pattern that matches what begins with `text`: its own characters mean themselves.
std::string pattern_of(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (std::string_view("*?[]\\").contains(c)) pattern += '\\';
    pattern += c;
  }
  return pattern + '*';
}

Result<std::vector<std::optional<std::string>>> get_many(RedisConnection& redis,
                                                         std::span<const std::string> keys) {
  RedisConnection::Arguments arguments{"MGET"};
  arguments.insert(arguments.end(), keys.begin(), keys.end());
  RedisReply reply = TRY(redis.ask(arguments));
  if (reply.list.size() != keys.size()) {
    return fail(Code::kIo, "Redis answered {} of {} keys", reply.list.size(), keys.size());
  }
  std::vector<std::optional<std::string>> values(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (reply.list[i].kind == RedisReply::Kind::kText) values[i] = std::move(reply.list[i].text);
  }
  return values;
}

// How many batches were written; 0 before the first.
Result<int64_t> read_version(RedisConnection& redis, const std::string& key) {
  const RedisReply reply = TRY(redis.ask({"GET", key}));
  int64_t version = 0;
  std::from_chars(reply.text.data(), reply.text.data() + reply.text.size(), version);
  return version;
}

// One answer for each command in flight; the first error, when all were read.
Status answers(RedisConnection& redis, size_t count) {
  Status status;
  for (size_t i = 0; i < count && !redis.broken(); ++i) {
    const auto reply = redis.answer();
    if (!reply && status) status = std::unexpected(reply.error());
  }
  return status;
}

// All keys with their values, as they come.
Result<Pairs> read_all(RedisConnection& redis, const std::string& begin) {
  const std::string pattern = pattern_of(begin), count = std::to_string(kKeysAtOnce);
  std::vector<std::string> keys;
  std::string cursor = "0";
  do {
    RedisReply reply = TRY(redis.ask({"SCAN", cursor, "MATCH", pattern, "COUNT", count}));
    if (reply.list.size() != 2) return fail(Code::kIo, "Redis answered SCAN in another form");
    cursor = std::move(reply.list[0].text);
    for (RedisReply& key : reply.list[1].list) keys.push_back(std::move(key.text));
  } while (cursor != "0");
  std::ranges::sort(keys);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());  // SCAN may give one twice
  Pairs pairs;
  for (size_t at = 0; at < keys.size(); at += kKeysAtOnce) {
    const auto some = std::span(keys).subspan(at, std::min(kKeysAtOnce, keys.size() - at));
    auto values = TRY(get_many(redis, some));
    for (size_t i = 0; i < some.size(); ++i) {
      if (values[i]) pairs.emplace_back(some[i].substr(begin.size()), std::move(*values[i]));
    }
  }
  return pairs;
}

}  // namespace

RedisState::RedisState(Options options)
    : options_(std::move(options)),
      data_(options_.redis.prefix + '\0' + options_.tenant.name + '\0'),
      staged_(options_.redis.prefix + '\1' + options_.tenant.name + '\0'),
      version_(options_.redis.prefix + '\2' + options_.tenant.name),
      owner_(options_.redis.prefix + '\3' + options_.tenant.name) {}

RedisState::~RedisState() = default;

Result<std::unique_ptr<RedisState>> RedisState::open(Options options) {
  std::unique_ptr<RedisState> state(new RedisState(std::move(options)));
  TRY(state->claim());
  return state;
}

Status RedisState::claim() {
  return with([&](RedisConnection& redis) -> Status {
    if (options_.owner.empty()) {
      TRY(redis.ask({"PING"}));
      return {};
    }
    TRY(redis.ask({"SETNX", owner_, options_.owner}));
    const RedisReply there = TRY(redis.ask({"GET", owner_}));
    if (there.text == options_.owner) return {};
    return fail(Code::kConflict,
                "Redis at {} holds the state of another data directory under the prefix '{}': name "
                "another one (redis.prefix)",
                options_.redis.address, options_.redis.prefix);
  });
}

Result<std::unique_ptr<RedisConnection>> RedisState::take() const {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
    if (std::chrono::steady_clock::now() < down_until_) {
      return fail(Code::kUnavailable, "Redis at {} does not answer", options_.redis.address);
    }
  }
  auto opened = RedisConnection::open(options_.redis);
  if (!opened) {
    const std::lock_guard lock(mutex_);
    down_until_ = std::chrono::steady_clock::now() + kPause;
    return opened;
  }
  TRY(check_version(**opened));
  return opened;
}

// Whether what this process wrote is still there.
Status RedisState::check_version(RedisConnection& redis) const {
  {
    const std::lock_guard lock(mutex_);
    if (!batches_) return {};
  }
  const int64_t there = TRY(read_version(redis, version_));
  const std::lock_guard lock(mutex_);
  if (there == *batches_ || (not_sure_ && there == *batches_ + 1)) return {};
  return fail(Code::kUnavailable,
              "Redis at {} does not hold what was written last ({} batches instead of {}): it came "
              "back empty or older, or somebody else writes there. A restart of palate folds what "
              "is missing from the log",
              options_.redis.address, there, *batches_);
}

void RedisState::give(std::unique_ptr<RedisConnection> connection) const {
  const std::lock_guard lock(mutex_);
  if (connection->broken()) {
    idle_.clear();  // they are as old
  } else if (idle_.size() < kIdleMax) {
    idle_.push_back(std::move(connection));
  }
}

// What is sent twice is the same: writes set and delete.
template <class Work>
auto RedisState::with(const Work& work) const -> decltype(work(std::declval<RedisConnection&>())) {
  auto connection = TRY(take());
  auto result = work(*connection);
  const bool again = connection->broken();
  give(std::move(connection));
  if (!again) return result;
  auto fresh = TRY(take());
  result = work(*fresh);
  give(std::move(fresh));
  return result;
}

Result<std::optional<std::string>> RedisState::get(std::string_view key) const {
  const std::string full = full_key(key);
  return with([&](RedisConnection& redis) -> Result<std::optional<std::string>> {
    RedisReply reply = TRY(redis.ask({"GET", full}));
    if (reply.kind == RedisReply::Kind::kNothing) return std::nullopt;
    return std::move(reply.text);
  });
}

Result<std::vector<std::optional<std::string>>> RedisState::multi_get(
    std::span<const std::string> keys) const {
  std::vector<std::optional<std::string>> out;
  for (size_t at = 0; at < keys.size(); at += kKeysAtOnce) {
    std::vector<std::string> full;
    for (const std::string& key : keys.subspan(at, std::min(kKeysAtOnce, keys.size() - at))) {
      full.push_back(full_key(key));
    }
    auto some = TRY(with([&](RedisConnection& redis) { return get_many(redis, full); }));
    std::ranges::move(some, std::back_inserter(out));
  }
  return out;
}

// All that was queued, or nothing; the last command counts the batch.
Status RedisState::execute(RedisConnection& redis, Status queued) const {
  {
    const std::lock_guard lock(mutex_);
    not_sure_ = true;  // until it has answered
  }
  const auto done = redis.ask({"EXEC"});  // refuses what was not queued whole
  const std::lock_guard lock(mutex_);
  not_sure_ = redis.broken();
  if (!queued) return queued;
  if (!done) return std::unexpected(done.error());
  if (done->kind != RedisReply::Kind::kList || done->list.empty()) {
    return fail(Code::kUnavailable, "somebody else writes into the state in Redis");
  }
  batches_ = done->list.back().number;
  return {};
}

Status RedisState::write(std::span<const Put> batch) {
  return with([&](RedisConnection& redis) -> Status {
    TRY(redis.ask({"WATCH", version_}));
    TRY(check_version(redis));
    TRY(redis.send({"MULTI"}));
    for (const Put& put : batch) {
      const std::string full = full_key(put.key);
      TRY(put.value ? redis.send({"SET", full, *put.value}) : redis.send({"DEL", full}));
    }
    TRY(redis.send({"INCR", version_}));
    Status queued = answers(redis, batch.size() + 2);
    return redis.broken() ? queued : execute(redis, std::move(queued));
  });
}

Status RedisState::scan(
    std::string_view prefix,
    const std::function<bool(std::string_view key, std::string_view value)>& visit) const {
  const std::string begin = full_key(prefix);
  for (int tries = 0; tries < kScansMax; ++tries) {
    bool one_moment = false;
    const Pairs pairs = TRY(with([&](RedisConnection& redis) -> Result<Pairs> {
      const int64_t before = TRY(read_version(redis, version_));
      Pairs read = TRY(read_all(redis, begin));
      one_moment = TRY(read_version(redis, version_)) == before;
      return read;
    }));
    if (!one_moment) continue;
    for (const auto& [rest, value] : pairs) {
      if (!visit(std::string(prefix) + rest, value)) break;
    }
    return {};
  }
  return fail(Code::kBusy, "the state in Redis changes faster than it can be read");
}

// ---- bulk -----------------------------------------------------------------------------------

class RedisState::RedisBulk : public Bulk {
 public:
  explicit RedisBulk(RedisState& state) : state_(state) {
    static std::atomic<uint64_t> made{0};
    name_ = state.staged_ + std::to_string(getpid()) + '-' + std::to_string(++made) + '\0';
  }
  ~RedisBulk() override { drop(); }

  Result<std::unique_ptr<Part>> part() override { return std::make_unique<RedisPart>(*this); }

  Status commit() override {
    if (keys_.empty()) return {};
    Status done = state_.with([&](RedisConnection& redis) { return rename_all(redis); });
    if (done) keys_.clear();
    return done;
  }

 private:
  class RedisPart : public Part {
   public:
    explicit RedisPart(RedisBulk& bulk) : bulk_(bulk) {}
    Status add(std::string_view key, std::string_view value) override {
      if (!keys_.empty() && key <= keys_.back()) {
        return fail(Code::kInvalidArgument, "keys of a bulk must ascend");
      }
      keys_.emplace_back(key);
      waiting_.emplace_back(value);
      return waiting_.size() < kKeysAtOnce ? Status() : flush();
    }
    Status finish() override {
      TRY(flush());
      const std::lock_guard lock(bulk_.mutex_);
      bulk_.keys_.insert(bulk_.keys_.end(), keys_.begin(), keys_.end());
      return {};
    }

   private:
    Status flush() {
      const size_t first = keys_.size() - waiting_.size();
      TRY(bulk_.state_.with([&](RedisConnection& redis) -> Status {
        for (size_t i = 0; i < waiting_.size(); ++i) {
          const std::string staged = bulk_.name_ + keys_[first + i];
          TRY(redis.send({"SET", staged, waiting_[i], "PX", kStagedMs}));
        }
        return answers(redis, waiting_.size());
      }));
      waiting_.clear();
      return {};
    }
    RedisBulk& bulk_;
    std::vector<std::string> keys_, waiting_;  // all keys; values that are not sent yet
  };

  Status rename_all(RedisConnection& redis) {
    TRY(redis.ask({"WATCH", state_.version_}));
    TRY(state_.check_version(redis));
    TRY(redis.ask({"MULTI"}));
    Status queued;
    for (size_t at = 0; at < keys_.size(); at += kKeysAtOnce) {
      const auto some = std::span(keys_).subspan(at, std::min(kKeysAtOnce, keys_.size() - at));
      for (const std::string& key : some) {
        const std::string full = state_.full_key(key);
        TRY(redis.send({"RENAME", name_ + key, full}));
        TRY(redis.send({"PERSIST", full}));
      }
      Status answered = answers(redis, 2 * some.size());
      if (!answered) queued = std::move(answered);
      if (redis.broken()) return queued;
    }
    TRY(redis.ask({"INCR", state_.version_}));
    return state_.execute(redis, std::move(queued));
  }

  // What stays when this fails goes by itself.
  void drop() {
    for (size_t at = 0; at < keys_.size(); at += kKeysAtOnce) {
      const bool gone = state_
                            .with([&](RedisConnection& redis) -> Status {
                              const size_t end = std::min(at + kKeysAtOnce, keys_.size());
                              for (size_t i = at; i < end; ++i) {
                                TRY(redis.send({"UNLINK", name_ + keys_[i]}));
                              }
                              return answers(redis, end - at);
                            })
                            .has_value();
      if (!gone) return;
    }
  }

  RedisState& state_;
  std::string name_;
  std::mutex mutex_;
  std::vector<std::string> keys_;  // of finished parts
};

Result<std::unique_ptr<StateStore::Bulk>> RedisState::bulk() {
  return std::make_unique<RedisBulk>(*this);
}

}  // namespace palate
