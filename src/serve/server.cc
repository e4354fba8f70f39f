#include "serve/server.h"

#include <condition_variable>
#include <mutex>

#include "serve/app.h"
#include "serve/problem.h"
#include "serve/routes.h"
#include "serve/transport.h"

namespace palate {

// In the order of construction: the transport ends first, and with it every request.
struct Server::State {
  explicit State(const Parts& parts)
      : models({.tenant_directory = parts.data->root(),
                .state = &parts.data->state(),
                .event_types_fingerprint = parts.types->fingerprint(),
                .poll_ms = parts.config.release_poll_ms}),
        metrics(endpoint_names(), parts.tenant),
        quarantine(parts.data->root() / "quarantine") {
    app = {.config = parts.config,
           .tenant = parts.tenant,
           .data = parts.data,
           .types = parts.types,
           .models = &models,
           .metrics = &metrics,
           .quarantine = &quarantine,
           .slow_lane = &slow_lane,
           .connections = [this] { return transport->connections(); }};
  }
  LiveModels models;
  ServeMetrics metrics;
  RefusedEvents quarantine;
  SlowLane slow_lane;
  App app;
  std::unique_ptr<HttpServer> transport;
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(const Parts& parts) {
  auto state = std::make_unique<State>(parts);
  const App& app = state->app;
  state->transport = TRY(HttpServer::listen(parts.config));
  state->transport->serve(
      {.handle = [&app](const Request& request,
                        Reply reply) { dispatch(app, request, std::move(reply)); },
       .refuse = [](int status, const std::string& detail) { return problem(status, detail); }});
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

uint16_t Server::port() const { return state_->transport->port(); }

bool Server::ready() const { return state_->models.report().release != 0; }

Status Server::run_until(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, stop, [] { return false; });
  state_->transport->drain();
  return {};
}

}  // namespace palate
