// A small blocking HTTP client for tests: it can misbehave, which a library would not.
#pragma once

#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include "base/check.h"

namespace palate {

struct TestResponse {
  int status = 0;  // 0: the connection ended before a whole answer
  std::string headers;
  std::string body;
  // The header's value, or "".
  [[nodiscard]] std::string header(std::string_view name) const {
    const size_t at = headers.find(fmt::format("\r\n{}: ", name));
    if (at == std::string::npos) return "";
    const size_t begin = at + name.size() + 4;
    return headers.substr(begin, headers.find("\r\n", begin) - begin);
  }
};

class TestClient {
 public:
  explicit TestClient(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  TestClient(const TestClient&) = delete;
  ~TestClient() { close(fd_); }

  [[nodiscard]] bool connected() const { return connected_; }
  bool send_raw(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  // Takes the next answer off the connection. `head`: of a HEAD request, so without a body.
  TestResponse receive(bool head = false) {
    TestResponse response;
    size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return response;
    }
    response.headers = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    const std::string length = response.header("Content-Length");
    size_t bytes = 0;
    std::from_chars(length.data(), length.data() + length.size(), bytes);
    if (head) bytes = 0;
    while (buffer_.size() < bytes) {
      if (!more()) return response;
    }
    response.body = buffer_.substr(0, bytes);
    buffer_.erase(0, bytes);
    std::from_chars(response.headers.data() + 9, response.headers.data() + 12, response.status);
    return response;
  }
  // True once the server has closed the connection.
  bool at_end() { return buffer_.empty() && !more(); }

  TestResponse get(std::string_view target) { return ask("GET", target); }
  TestResponse ask(std::string_view method, std::string_view target) {
    send_raw(fmt::format("{} {} HTTP/1.1\r\nHost: t\r\n\r\n", method, target));
    return receive(method == "HEAD");
  }
  TestResponse post(std::string_view target, std::string_view body,
                    std::string_view type = "application/json") {
    send_raw(
        fmt::format("POST {} HTTP/1.1\r\nHost: t\r\nContent-Type: {}\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    target, type, body.size(), body));
    return receive();
  }

 private:
  bool more() {
    char chunk[16384];
    const ssize_t got = recv(fd_, chunk, sizeof chunk, 0);
    if (got <= 0) return false;
    buffer_.append(chunk, static_cast<size_t>(got));
    return true;
  }
  int fd_;
  bool connected_ = false;
  std::string buffer_;
};

}  // namespace palate
