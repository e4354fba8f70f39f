// A server that misbehaves on request, for tests of the load generator: one thread, every
// connection in turn.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>

namespace palate {

struct StubAnswer {
  int status = 200;
  std::string body = "{}";
  int stall_ms = 0;     // before this answer, for everybody
  bool silent = false;  // never answers
  bool close = false;   // hangs up instead
};

class StubServer {
 public:
  // `answer` runs on the server's thread: the request's number, from 0, and its text.
  explicit StubServer(std::function<StubAnswer(size_t, std::string_view)> answer)
      : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    listen(listener_, 128);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~StubServer() {
    thread_ = {};
    for (const Client& client : clients_) close(client.fd);
    close(listener_);
  }
  StubServer(const StubServer&) = delete;
  StubServer& operator=(const StubServer&) = delete;

  [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  [[nodiscard]] size_t requests() const { return requests_; }

 private:
  struct Client {
    int fd;
    std::string in;
  };

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::vector<pollfd> waiting{{listener_, POLLIN, 0}};
      for (const Client& client : clients_) waiting.push_back({client.fd, POLLIN, 0});
      poll(waiting.data(), waiting.size(), 10);
      for (size_t i = waiting.size(); i-- > 1;) {
        if (waiting[i].revents != 0 && !serve(clients_[i - 1])) {
          close(clients_[i - 1].fd);
          clients_.erase(clients_.begin() + static_cast<long>(i) - 1);
        }
      }
      if (waiting[0].revents != 0) clients_.push_back({accept(listener_, nullptr, nullptr), ""});
    }
  }

  // False: the connection is over.
  bool serve(Client& client) {
    char chunk[65536];
    const ssize_t n = recv(client.fd, chunk, sizeof chunk, 0);
    if (n <= 0) return false;
    client.in.append(chunk, static_cast<size_t>(n));
    const size_t head = client.in.find("\r\n\r\n");
    if (head == std::string::npos) return true;
    const size_t length = client.in.find("Content-Length: ");
    const size_t body = length == std::string::npos ? 0 : std::stoul(client.in.substr(length + 16));
    if (client.in.size() < head + 4 + body) return true;
    const StubAnswer answer = answer_(requests_++, client.in);
    client.in.clear();
    std::this_thread::sleep_for(std::chrono::milliseconds(answer.stall_ms));
    if (answer.close) return false;
    if (answer.silent) return true;
    const std::string text = fmt::format("HTTP/1.1 {} X\r\ncontent-length: {}\r\n\r\n{}",
                                         answer.status, answer.body.size(), answer.body);
    return send(client.fd, text.data(), text.size(), MSG_NOSIGNAL) > 0;
  }

  std::function<StubAnswer(size_t, std::string_view)> answer_;
  int listener_;
  uint16_t port_ = 0;
  std::atomic<size_t> requests_ = 0;
  std::vector<Client> clients_;
  std::jthread thread_;
};

}  // namespace palate
