#include "serve/transport.h"

#include <chrono>
#include <future>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "base/threads.h"
#include "serve/session.h"

namespace palate {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAcceptRetry = std::chrono::milliseconds(50);
// Deadlines are looked at so many times within the shortest of them.
constexpr double kDeadlineParts = 8, kWatchMin_s = 0.005, kWatchMax_s = 0.25;

std::unexpected<Error> listen_error(const error_code& error, const ServeConfig& config) {
  if (error == asio::error::address_in_use) {
    return fail(Code::kConflict,
                "Port {} on {} is in use by another program. Stop that one, or choose another "
                "port with --port (0 takes a free one).",
                config.port, config.host);
  }
  if (error == asio::error::access_denied) {
    return fail(Code::kPermission,
                "This user may not listen on port {} of {}. Ports below 1024 need a privilege: "
                "choose another with --port.",
                config.port, config.host);
  }
  return fail(Code::kInvalidArgument, "Cannot listen on {} port {}: {}. Check serve.host.",
              config.host, config.port, error.message());
}

Result<tcp::acceptor> open_acceptor(asio::io_context& context, const ServeConfig& config) {
  error_code error;
  const auto address =
      asio::ip::make_address(config.host == "localhost" ? "127.0.0.1" : config.host, error);
  if (error) {
    return fail(Code::kInvalidArgument,
                "serve.host is '{}', which is no IP address. Use 127.0.0.1 or 0.0.0.0, say.",
                config.host);
  }
  const tcp::endpoint endpoint(address, static_cast<uint16_t>(config.port));
  tcp::acceptor acceptor(context);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return listen_error(error, config);
  return acceptor;
}

}  // namespace

struct HttpServer::State {
  TransportShared shared;
  std::vector<std::unique_ptr<IoThread>> threads;
  std::optional<tcp::acceptor> acceptor;           // on the first thread
  std::optional<asio::steady_timer> accept_retry;  // … too
  size_t next_thread = 0;
  uint16_t port = 0;
  bool drained = false;

  void accept();
  void accepted(error_code error, tcp::socket socket, IoThread& io);
  void turn_away(tcp::socket socket);
  void stop_accepting();
};

void HttpServer::State::accept() {
  IoThread& io = *threads[next_thread++ % threads.size()];
  acceptor->async_accept(io.context, [this, &io](error_code error, tcp::socket socket) {
    accepted(error, std::move(socket), io);
  });
}

void HttpServer::State::accepted(error_code error, tcp::socket socket, IoThread& io) {
  if (shared.draining) return;
  if (error) {
    // Out of descriptors, most likely: what is open goes on, and new ones wait in the backlog.
    log_warning("cannot accept a connection: {}", error.message());
    accept_retry->expires_after(kAcceptRetry);
    accept_retry->async_wait([this](error_code cancelled) {
      if (!cancelled) accept();
    });
    return;
  }
  if (++shared.connections > shared.config.connections_max) {
    --shared.connections;
    turn_away(std::move(socket));
  } else {
    auto holder = std::make_shared<tcp::socket>(std::move(socket));
    asio::post(io.context, [this, &io, holder] {
      auto session = Session::create(shared, io, std::move(*holder));
      if (!shared.draining) session->start();
    });
  }
  accept();
}

// One small answer that fits the empty send buffer, so nothing waits for this client.
void HttpServer::State::turn_away(tcp::socket socket) {
  const Response response = shared.callbacks.refuse(
      503, fmt::format("There are {} connections already (serve.connections_max). Try again.",
                       shared.config.connections_max));
  const std::string text = fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
      "Retry-After: 1\r\nConnection: close\r\n\r\n{}",
      response.content_type, response.body.size(), response.body);
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.send(asio::buffer(text), 0, ignored);
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

void HttpServer::State::stop_accepting() {
  std::promise<void> closed;
  asio::post(threads[0]->context, [this, &closed] {
    shared.draining = true;
    error_code ignored;
    acceptor->close(ignored);
    accept_retry->cancel();
    closed.set_value();
  });
  closed.get_future().wait();
}

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::listen(const ServeConfig& config) {
  auto state = std::make_unique<State>();
  state->shared.config = config;
  const size_t threads =
      config.threads > 0 ? static_cast<size_t>(config.threads) : available_processors();
  for (size_t i = 0; i < threads; ++i) state->threads.push_back(std::make_unique<IoThread>());
  state->acceptor.emplace(TRY(open_acceptor(state->threads[0]->context, config)));
  state->accept_retry.emplace(state->threads[0]->context);
  state->port = state->acceptor->local_endpoint().port();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

void HttpServer::serve(Callbacks callbacks) {
  state_->shared.callbacks = std::move(callbacks);
  state_->accept();
  const ServeConfig& config = state_->shared.config;
  const double shortest_s = std::min(config.keep_alive_s, config.write_s);
  const auto period = std::chrono::microseconds(static_cast<int64_t>(
      std::clamp(shortest_s / kDeadlineParts, kWatchMin_s, kWatchMax_s) * 1e6));
  for (auto& io : state_->threads) {
    io->watch_deadlines(period);
    io->thread = std::jthread([&context = io->context] { context.run(); });
  }
}

HttpServer::~HttpServer() { drain(); }

uint16_t HttpServer::port() const { return state_->port; }

size_t HttpServer::connections() const {
  return static_cast<size_t>(std::max<int64_t>(0, state_->shared.connections));
}

void HttpServer::drain() {
  if (std::exchange(state_->drained, true)) return;
  if (!state_->threads[0]->thread.joinable()) return;  // never served
  state_->stop_accepting();
  const auto deadline =
      std::chrono::steady_clock::now() +
      std::chrono::microseconds(static_cast<int64_t>(state_->shared.config.drain_s * 1e6));
  for (auto& io : state_->threads) {
    asio::post(io->context, [&io = *io] {
      // A closing session ends later, from its own completion: the set does not change here.
      for (Session* session : io.sessions) session->drain();
      if (io.sessions.empty()) io.finish();
    });
  }
  while (state_->shared.connections > 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (const int64_t left = state_->shared.connections; left > 0) {
    log_warning("cutting off {} connections that did not finish within serve.drain_s", left);
    for (auto& io : state_->threads) {
      asio::post(io->context, [&io = *io] {
        for (Session* session : io.sessions) session->cut_off();
      });
    }
  }
  for (auto& io : state_->threads) io->thread.join();
}

}  // namespace palate
