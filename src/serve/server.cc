#include "serve/server.h"

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "base/log.h"
#include "base/memory.h"
#include "serve/app.h"
#include "serve/problem.h"
#include "serve/routes.h"
#include "serve/transport.h"

namespace palate {

namespace {

// What there is only once the data directory is open. In the order of construction.
struct Opened {
  Opened(const Server::Parts& parts, std::function<size_t()> connections)
      : decisions(parts.data->ingest(), parts.decisions),
        models({.tenant_directory = parts.data->root(),
                .state = &parts.data->state(),
                .pipelines = parts.pipelines != nullptr ? parts.pipelines : &built_in,
                .pipeline = parts.recommend.pipeline,
                .decisions = &decisions.sink(),
                .poll_ms = parts.config.release_poll_ms}),
        metrics(endpoint_names(), parts.tenant),
        quarantine(parts.data->root() / "quarantine"),
        budgets(parts.data->validation().error_budget) {
    app = {.config = parts.config,
           .tenant = parts.tenant,
           .data = parts.data,
           .intake = parts.intake != nullptr ? parts.intake : &parts.data->ingest(),
           .types = parts.types,
           .recommend = parts.recommend,
           .pipelines = parts.pipelines != nullptr ? parts.pipelines : &built_in,
           .shelves = parts.shelves != nullptr ? parts.shelves : &built_in_shelves,
           .models = &models,
           .decisions = &decisions,
           .metrics = &metrics,
           .quarantine = &quarantine,
           .budgets = &budgets,
           .slow_lane = &slow_lane,
           .search_lane = &search_lane,
           .connections = std::move(connections)};
    const auto pipeline = app.pipelines->find(app.recommend.pipeline);
    app.plain = pipeline && (*pipeline)->plain();
  }
  Pipelines built_in;
  ShelfPages built_in_shelves;
  DecisionLog decisions;
  LiveModels models;
  ServeMetrics metrics;
  RefusedEvents quarantine;
  ErrorBudgets budgets;
  SlowLane slow_lane, search_lane;
  App app;
};

Response starting(const Request& request) {
  if (request.path == "/healthz") return {.body = R"({"status":"starting"})"};
  return problem(Error{Code::kUnavailable,
                       "The server is starting: what was logged last is read back. Ask again."});
}

}  // namespace

// The transport ends first, and with it every request.
struct Server::State {
  std::unique_ptr<Opened> opened;
  std::atomic<const App*> app = nullptr;  // of `opened`
  std::unique_ptr<HttpServer> transport;
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::listen(const ServeConfig& config) {
  auto state = std::make_unique<State>();
  state->transport = TRY(HttpServer::listen(config));
  state->transport->serve(
      {.handle =
           [&app = state->app](const Request& request, Reply reply) {
             if (const App* opened = app.load())
               return dispatch(*opened, request, std::move(reply));
             reply(starting(request));
           },
       .refuse = [](int status, const std::string& detail) { return problem(status, detail); }});
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

void Server::open(const Parts& parts) {
  state_->opened = std::make_unique<Opened>(
      parts, [transport = state_->transport.get()] { return transport->connections(); });
  give_memory_back();  // of reading log, state and models
  state_->app.store(&state_->opened->app);
}

Result<std::unique_ptr<Server>> Server::start(const Parts& parts) {
  auto server = TRY(listen(parts.config));
  server->open(parts);
  return server;
}

uint16_t Server::port() const { return state_->transport->port(); }

bool Server::ready() const { return state_->opened->models.report().release != 0; }

void Server::reload() {
  log_info("asked to look for a new release");
  state_->opened->models.look_now();
}

Status Server::run_until(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, stop, [] { return false; });
  state_->transport->drain();
  return {};
}

}  // namespace palate
