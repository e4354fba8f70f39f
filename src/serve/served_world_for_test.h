// A server over a real data directory with a small world in it: two taste groups of 60 users, 20
// items each ("a-0"… and "b-0"…), liked by the users of their group ("user-0" is of group a,
// "user-1" of b, …). The directory goes with the object.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "serve/server.h"

namespace palate {

class ServedWorld {
 public:
  struct Options {
    ServeConfig config = {};
    bool train = true;
  };
  ServedWorld() : ServedWorld(Options{}) {}
  explicit ServedWorld(Options options);
  ~ServedWorld();

  [[nodiscard]] uint16_t port() const { return server_->port(); }
  [[nodiscard]] DataDirectory& data() { return *data_; }
  [[nodiscard]] const EventTypes& types() const { return types_; }
  [[nodiscard]] Server& server() { return *server_; }
  // Trains popularity and als on everything so far and makes a release of them.
  void train();
  // As SIGTERM does.
  void stop();

 private:
  void fill();
  Path root_;
  EventTypes types_ = EventTypes::defaults();
  std::unique_ptr<DataDirectory> data_;
  std::unique_ptr<Server> server_;
  std::jthread running_;
};

}  // namespace palate
