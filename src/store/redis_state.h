// StateStore over Redis: the scaled-out twin of rocks_state.h. Every key begins with the
// configuration's prefix and the tenant. A batch is one MULTI/EXEC, and counts up a version by
// which a scan notices that it did not see one moment.
//
// What is durable is Redis' own matter (appendonly, save): it comes back with a prefix of the
// writes, and what it lost is folded again from the log by the next start, because the position is
// lost with it. A process that has written more than Redis has when it comes back says so
// (kUnavailable, from then on) instead of folding on over the gap.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>

#include "base/ids.h"
#include "store/redis_connection.h"
#include "store/state_store.h"

namespace palate {

class RedisState : public StateStore {
 public:
  struct Options {
    RedisConfig redis;
    Tenant tenant;
    // Who folds into it: another owner is refused, as its log has other positions. Empty: anybody.
    std::string owner;
  };
  // Errors: those of RedisConnection; kConflict for what another data directory has folded.
  static Result<std::unique_ptr<RedisState>> open(Options options);
  ~RedisState() override;

  // Errors of all: those of RedisConnection. A connection that was lost is made again;
  // when that fails, calls fail at once for half a second.
  Result<std::optional<std::string>> get(std::string_view key) const override;
  Result<std::vector<std::optional<std::string>>> multi_get(
      std::span<const std::string> keys) const override;
  Status write(std::span<const Put> batch) override;
  // Parts lie under keys of their own until commit() renames them in one transaction; those of a
  // process that died leave by themselves within an hour.
  Result<std::unique_ptr<Bulk>> bulk() override;
  // Reads everything before the first visit: memory for all keys and values of the prefix. kBusy
  // when writers never let it see one moment.
  Status scan(std::string_view prefix,
              const std::function<bool(std::string_view key, std::string_view value)>& visit)
      const override;
  // Redis says when it writes; there is nothing to wait for.
  Status sync() override { return {}; }

 private:
  class RedisBulk;
  explicit RedisState(Options options);
  // Runs `work` on a connection of the pool, once more on a new one when an old one was lost.
  template <class Work>
  auto with(const Work& work) const -> decltype(work(std::declval<RedisConnection&>()));
  Result<std::unique_ptr<RedisConnection>> take() const;
  void give(std::unique_ptr<RedisConnection> connection) const;
  Status claim();
  Status check_version(RedisConnection& redis) const;
  // Ends a transaction of which so many commands were sent.
  Status execute(RedisConnection& redis, Status queued) const;
  [[nodiscard]] std::string full_key(std::string_view key) const {
    return data_ + std::string(key);
  }

  const Options options_;
  const std::string data_, staged_, version_, owner_;  // beginnings of keys, and keys
  mutable std::mutex mutex_;                           // of the next two
  mutable std::vector<std::unique_ptr<RedisConnection>> idle_;
  mutable std::chrono::steady_clock::time_point down_until_;
  // Batches that this process knows to be there; guarded by mutex_. Not sure: perhaps one more.
  mutable std::optional<int64_t> batches_;
  mutable bool not_sure_ = false;
};

}  // namespace palate
