// One connection. Internal to the transport: the only header that includes Beast.
//
// A session lives on one event loop (IoThread) and is touched only there, but for send(), which
// posts. It reads one request, hands it to the handler, writes the answer, reads the next: so a
// client that pipelines waits in its own socket buffer, and a connection holds at most one request.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "serve/http.h"
#include "serve/serve_config.h"
#include "serve/transport.h"

namespace palate {

class Session;

// What all sessions share. Outlives them.
struct TransportShared {
  ServeConfig config;
  HttpServer::Callbacks callbacks;
  std::atomic<int64_t> connections = 0;
  std::atomic<int64_t> body_bytes = 0;  // of requests under way
  std::atomic<bool> draining = false;
};

struct IoThread {
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work =
      boost::asio::make_work_guard(context);
  std::unordered_set<Session*> sessions;  // its own thread only
  std::jthread thread;
};

class Session final : public Exchange, public std::enable_shared_from_this<Session> {
 public:
  // On the thread of `io`; destroyed there too.
  static std::shared_ptr<Session> create(TransportShared& shared, IoThread& io,
                                         boost::asio::ip::tcp::socket socket);
  ~Session() override;

  void start();
  // Closes when idle, else after the answer under way.
  void drain();
  // Cuts the connection off now. A request that the handler has still gets its send(), into
  // nothing.
  void cut_off();

  void send(Response response) override;
  void call_later(int64_t delay_us, std::function<void()> then) override;

 private:
  Session(TransportShared& shared, IoThread& io, boost::asio::ip::tcp::socket socket);

  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using Message = boost::beast::http::response<boost::beast::http::string_body>;

  void read_header();
  void on_header(boost::beast::error_code error);
  void read_body();
  void on_request(boost::beast::error_code error);
  void handle();
  void refuse(boost::beast::error_code error);
  void write(Response response);
  void write_header_only();
  void on_written(boost::beast::error_code error);
  void linger();
  void read_on();
  bool reserve_body();
  void release_body();

  TransportShared& shared_;
  IoThread& io_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::optional<Message> message_;
  std::optional<boost::beast::http::response_serializer<boost::beast::http::string_body>> headers_;
  std::string continue_;
  int64_t body_reserved_ = 0;
  int64_t lingered_ = 0;
  bool waiting_for_request_ = false;
  bool close_after_answer_ = false;
  bool unread_body_ = false;
};

}  // namespace palate
