// One keep-alive connection of a load generator: a request out, its answer in, without pipelining
// and without ever blocking. Its owner waits for it with epoll.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <netinet/in.h>

#include "base/result.h"
#include "simulate/load/answer.h"

namespace palate {

// The address in "http://127.0.0.1:8080".
struct LoadTarget {
  sockaddr_in address{};
  std::string host;  // for the Host header
  // Errors: kInvalidArgument; kNotFound for a name that no resolver knows.
  static Result<LoadTarget> parse(std::string_view url);
};

class LoadConnection {
 public:
  LoadConnection(int epoll, uint32_t tag) : epoll_(epoll), tag_(tag) {}
  ~LoadConnection() { close(); }
  LoadConnection(LoadConnection&& other) noexcept;
  LoadConnection& operator=(LoadConnection&&) = delete;

  // Begins to connect; epoll reports the end under `tag`. What was open before is closed.
  Status connect(const LoadTarget& target);
  // Sends what request() holds, now or as the server takes it. When open() and not busy() only.
  Status send();
  // To be filled before send().
  std::string& request() { return out_; }

  struct Answer {
    int status = 0;
    std::string_view body;  // until the next call of anything here
  };
  // After epoll reported `ready`. nullopt: go on waiting. Errors: kIo for a connection that ended
  // or never began, kCorrupt for what is no HTTP: close it. After an answer closed() may be true.
  Result<std::optional<Answer>> on_ready(uint32_t ready);
  void close();

  [[nodiscard]] bool open() const { return fd_ >= 0 && !connecting_; }
  [[nodiscard]] bool closed() const { return fd_ < 0; }
  [[nodiscard]] bool busy() const { return busy_; }

 private:
  Status connected();
  Status flush();
  Result<std::optional<Answer>> receive();
  Status watch(bool writable, bool added);

  int epoll_;
  uint32_t tag_;
  int fd_ = -1;
  bool connecting_ = false;
  bool busy_ = false;
  bool wants_write_ = false;
  std::string out_;
  size_t sent_ = 0;
  std::string in_;
  size_t received_ = 0;
  std::optional<AnswerHead> head_;
};

}  // namespace palate
