// A real Redis server for tests, on a Unix socket in a temporary folder; it ends with its object.
#pragma once

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <spawn.h>
#include <stdlib.h>

#include "base/check.h"
#include "store/redis_connection.h"

namespace palate {

class RedisServer {
 public:
  RedisServer() {
    std::string name = (std::filesystem::temp_directory_path() / "palate-redis-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    std::signal(SIGPIPE, SIG_IGN);
    start();
  }
  ~RedisServer() {
    stop();
    std::filesystem::remove_all(folder_);
  }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  [[nodiscard]] RedisConfig config() const {
    RedisConfig config;
    config.address = folder_ + "/socket";
    return config;
  }
  // SIGKILL: what was acknowledged is in its append-only file, which it would not be for up to two
  // seconds with Redis's default, appendfsync everysec.
  void stop() {
    if (process_ == 0) return;
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  // Returns when it answers.
  void start() {
    const std::string socket = config().address;
    const char* arguments[] = {"redis-server",
                               "--port",
                               "0",
                               "--unixsocket",
                               socket.c_str(),
                               "--dir",
                               folder_.c_str(),
                               "--appendonly",
                               "yes",
                               "--appendfsync",
                               "always",
                               "--save",
                               "",
                               "--loglevel",
                               "warning",
                               nullptr};
    PALATE_CHECK(posix_spawnp(&process_, "redis-server", nullptr, nullptr,
                              const_cast<char**>(arguments), environ) == 0,
                 "these tests need redis-server (./dev deps test)");
    constexpr int kTriesMax = 600;
    for (int i = 0; i < kTriesMax; ++i) {
      const RedisConfig here = config();
      const auto connection = RedisConnection::open(here);
      if (connection && (*connection)->ask({"PING"})) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    PALATE_CHECK(false, "redis-server does not start");
  }

 private:
  std::string folder_;
  pid_t process_ = 0;
};

}  // namespace palate
