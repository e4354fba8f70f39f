#include "store/redis_connection.h"

#include <charconv>

#include <hiredis/hiredis.h>

#include "base/file.h"

namespace palate {
namespace {

constexpr size_t kPasswordBytesMax = 4096;
constexpr int kPortDefault = 6379;
constexpr int kDepthMax = 4;  // of lists in lists; ours have one

timeval timeout_of(const RedisConfig& config) {
  return {.tv_sec = config.timeout_ms / 1000, .tv_usec = config.timeout_ms % 1000 * 1000};
}

RedisReply copy_of(const redisReply& reply, int depth) {
  RedisReply copy;
  if (reply.type == REDIS_REPLY_INTEGER) {
    copy.kind = RedisReply::Kind::kNumber;
    copy.number = reply.integer;
  } else if (reply.type == REDIS_REPLY_ARRAY && depth < kDepthMax) {
    copy.kind = RedisReply::Kind::kList;
    for (size_t i = 0; i < reply.elements; ++i) {
      copy.list.push_back(copy_of(*reply.element[i], depth + 1));
    }
  } else if (reply.type != REDIS_REPLY_NIL) {
    copy.kind = RedisReply::Kind::kText;
    copy.text.assign(reply.str, reply.len);
  }
  return copy;
}

Code code_of(std::string_view error) {
  if (error.starts_with("OOM") || error.starts_with("MISCONF")) return Code::kNoSpace;
  for (const std::string_view later : {"LOADING", "READONLY", "MASTERDOWN", "TRYAGAIN", "BUSY"}) {
    if (error.starts_with(later)) return Code::kUnavailable;
  }
  for (const std::string_view who : {"NOAUTH", "WRONGPASS", "NOPERM", "ERR AUTH"}) {
    if (error.starts_with(who)) return Code::kPermission;
  }
  return Code::kIo;
}

redisContext* connect(const RedisConfig& config) {
  const std::string& address = config.address;
  if (address.starts_with('/'))
    return redisConnectUnixWithTimeout(address.c_str(), timeout_of(config));
  const size_t colon = address.rfind(':');
  int port = kPortDefault;
  if (colon != std::string::npos) {
    std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  }
  return redisConnectWithTimeout(address.substr(0, colon).c_str(), port, timeout_of(config));
}

}  // namespace

Result<std::unique_ptr<RedisConnection>> RedisConnection::open(const RedisConfig& config) {
  std::unique_ptr<RedisConnection> connection(new RedisConnection(config));
  connection->context_ = connect(config);
  if (connection->context_ == nullptr || connection->context_->err != 0) return connection->lost();
  redisSetTimeout(connection->context_, timeout_of(config));
  TRY(connection->greet());
  return connection;
}

RedisConnection::~RedisConnection() {
  if (context_ != nullptr) redisFree(context_);
}

Status RedisConnection::greet() {
  if (!config_.password_file.empty()) {
    std::string password = TRY(read_file(config_.password_file, kPasswordBytesMax));
    while (password.ends_with('\n') || password.ends_with('\r')) password.pop_back();
    Arguments auth{"AUTH"};
    if (!config_.username.empty()) auth.push_back(config_.username);
    auth.push_back(password);
    TRY(ask(auth));
  }
  if (config_.database == 0) return {};
  const std::string number = std::to_string(config_.database);
  TRY(ask({"SELECT", number}));
  return {};
}

std::unexpected<Error> RedisConnection::lost() {
  broken_ = true;
  return fail(Code::kUnavailable, "Redis at {}: {}", config_.address,
              context_ == nullptr ? "no memory for a connection" : context_->errstr);
}

Status RedisConnection::send(const Arguments& arguments) {
  std::vector<const char*> bytes;
  std::vector<size_t> sizes;
  for (const std::string_view argument : arguments) {
    bytes.push_back(argument.data());
    sizes.push_back(argument.size());
  }
  const auto count = static_cast<int>(bytes.size());
  if (redisAppendCommandArgv(context_, count, bytes.data(), sizes.data()) != REDIS_OK)
    return lost();
  return {};
}

Result<RedisReply> RedisConnection::answer() {
  void* raw = nullptr;
  if (redisGetReply(context_, &raw) != REDIS_OK || raw == nullptr) return lost();
  const std::unique_ptr<redisReply, void (*)(void*)> reply(static_cast<redisReply*>(raw),
                                                           freeReplyObject);
  if (reply->type != REDIS_REPLY_ERROR) return copy_of(*reply, 0);
  const std::string_view text(reply->str, reply->len);
  return fail(code_of(text), "Redis at {}: {}", config_.address, text);
}

Result<RedisReply> RedisConnection::ask(const Arguments& arguments) {
  TRY(send(arguments));
  return answer();
}

}  // namespace palate
