// One connection to Redis: commands with binary arguments, one after the other or many in flight.
// Not thread-safe. The process ignores SIGPIPE, as install_signal_handlers() (base/stop.h) has it.
// After an error of the connection it is broken() and of no more use.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/redis_config.h"

struct redisContext;

namespace palate {

// A reply, copied.
struct RedisReply {
  enum class Kind : uint8_t { kNothing, kText, kNumber, kList };
  Kind kind = Kind::kNothing;
  std::string text;  // also a status
  int64_t number = 0;
  std::vector<RedisReply> list;
};

class RedisConnection {
 public:
  using Arguments = std::vector<std::string_view>;
  // Connects and says who we are. Errors: kUnavailable, kPermission, those of the password's file.
  static Result<std::unique_ptr<RedisConnection>> open(const RedisConfig& config);
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  // Errors: kUnavailable for the connection, and while Redis loads or is a replica; kNoSpace when
  // its memory is full; kPermission; kIo for anything else that Redis refuses.
  Result<RedisReply> ask(const Arguments& arguments);
  // Without waiting for the reply, which answer() gives, in order.
  Status send(const Arguments& arguments);
  Result<RedisReply> answer();
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  explicit RedisConnection(const RedisConfig& config) : config_(config) {}
  Status greet();
  [[nodiscard]] std::unexpected<Error> lost();
  const RedisConfig& config_;
  redisContext* context_ = nullptr;
  bool broken_ = false;
};

}  // namespace palate
