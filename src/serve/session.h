// One connection. Internal to the transport: the only header that includes Beast, of which it uses
// the parser. Reading, writing and deadlines are its own: Beast's streams arm a timer for every
// operation and write headers field by field, which costs as much as the rest of a small request.
//
// A session lives on one event loop (IoThread) and is touched only there, but for send() and
// call_later(). It reads one request, hands it to the handler, writes the answer, reads the next:
// so a client that pipelines waits in its own socket buffer, and a connection holds at most one
// request. An answer is written at once where the socket takes it: a request then costs one wait,
// one receive and one send.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>

#include <boost/asio.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

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
  // Looks at the sessions' deadlines every `period`, until finish().
  void watch_deadlines(std::chrono::microseconds period);
  // Lets the loop end once nothing is under way.
  void finish();

  boost::asio::io_context context{1};
  boost::asio::steady_timer deadlines{context};
  bool finished = false;
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
  // Cuts off when it has waited for its client too long.
  void check_deadline(int64_t now_us);

  void send(Response response) override;
  void call_later(int64_t delay_us, std::function<void()> then) override;

 private:
  static constexpr int64_t kNever = INT64_MAX;

  Session(TransportShared& shared, IoThread& io, boost::asio::ip::tcp::socket socket);

  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using ErrorCode = boost::system::error_code;

  void next_request();
  void read_more();
  void on_read(ErrorCode error, size_t bytes);
  void advance();
  bool begin_body();
  void handle();
  void refuse(ErrorCode error);
  void write(Response response);
  void write_head(const Response& response);
  void flush();
  void on_written(ErrorCode error);
  void linger();
  void read_on();
  bool reserve_body();
  void release_body();
  void expire_after(double seconds);
  void close();

  TransportShared& shared_;
  IoThread& io_;
  boost::asio::ip::tcp::socket socket_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::string head_, body_;  // of the answer
  int64_t deadline_us_ = kNever;
  int64_t body_reserved_ = 0;
  int64_t lingered_ = 0;
  bool waiting_for_request_ = false;
  bool close_after_answer_ = false;
  bool unread_body_ = false;
};

}  // namespace palate
