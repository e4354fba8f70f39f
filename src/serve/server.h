// `palate serve`: the endpoints over one opened data directory and its registry.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>

#include "base/ids.h"
#include "events/event_types.h"
#include "ingest/data_directory.h"
#include "recommend/decision.h"
#include "recommend/pipeline.h"
#include "recommend/recommend_config.h"
#include "recommend/shelves.h"
#include "serve/serve_config.h"

namespace palate {

class Server {
 public:
  struct Parts {
    DataDirectory* data = nullptr;      // opened as writer; outlives the server
    const EventTypes* types = nullptr;  // outlives the server
    Tenant tenant = {};
    ServeConfig config = {};
    Intake* intake = nullptr;  // nullptr: the data directory's own; outlives the server
    RecommendConfig recommend = {};
    DecisionConfig decisions = {};
    const Pipelines* pipelines = nullptr;  // nullptr: what comes with Palate; outlives the server
    const ShelfPages* shelves = nullptr;   // likewise
  };
  // Loads the current release where there is one, then listens. Errors: kConflict for a port in
  // use, kPermission, kInvalidArgument for an address that cannot be listened on.
  static Result<std::unique_ptr<Server>> start(const Parts& parts);
  // The same in two steps, for a data directory that takes a while to open: from listen() on
  // /healthz answers, and everything else says that the server is starting (503).
  static Result<std::unique_ptr<Server>> listen(const ServeConfig& config);
  void open(const Parts& parts);
  // Drains, if run_until() did not.
  ~Server();

  [[nodiscard]] uint16_t port() const;
  [[nodiscard]] bool ready() const;  // a release answers
  // Looks for a new release at once, and tries one again that did not load. Thread-safe.
  void reload();
  // Serves until `stop` fires, then drains: stops accepting, finishes what is in flight within
  // serve.drain_s. What was acknowledged is in the log.
  Status run_until(const std::stop_token& stop);

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace palate
