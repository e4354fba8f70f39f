// The broker of this room's tests (tests/kafka/broker.py): one for the whole program, started when
// the first test needs it. In tests only.
#pragma once

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <unistd.h>

#include "kafka/kafka_config.h"

namespace palate {

class TestBroker {
 public:
  static const TestBroker& get() {
    static const TestBroker broker;
    return broker;
  }
  [[nodiscard]] const std::string& address() const { return address_; }

  // Settings with topics that no other test has.
  static KafkaConfig config() {
    static std::atomic<int> number = 0;
    KafkaConfig config;
    config.brokers = get().address();
    config.prefix = "test-" + std::to_string(getpid()) + "-" + std::to_string(++number);
    config.group = config.prefix;
    config.partitions = 10;
    config.session_ms = 6000;
    config.timeout_ms = 60'000;  // on a machine that does much else
    return config;
  }

  TestBroker(const TestBroker&) = delete;
  ~TestBroker() {
    ::close(stdin_);
    if (pipe_ != nullptr) ::pclose(pipe_);
  }

 private:
  // The broker ends with the standard input that it reads, which is our end of `stdin_`.
  TestBroker() {
    if (std::system("command -v java >/dev/null") != 0) {
      std::puts("no test can run: there is no Java on this machine, and so no Kafka broker");
      std::fflush(stdout);
      std::_Exit(0);
    }
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    const std::string command = "exec /usr/bin/python3 " PALATE_BROKER " <&" +
                                std::to_string(ends[0]) + " " + std::to_string(ends[1]) + ">&-";
    pipe_ = ::popen(command.c_str(), "r");
    ::close(ends[0]);
    stdin_ = ends[1];
    char line[256] = {};
    if (pipe_ == nullptr || std::fgets(line, sizeof line, pipe_) == nullptr) {
      std::puts("the broker did not start");
      std::_Exit(1);
    }
    address_ = line;
    address_.pop_back();
  }
  std::FILE* pipe_ = nullptr;
  int stdin_ = -1;
  std::string address_;
};

}  // namespace palate
