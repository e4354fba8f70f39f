// HTTP as endpoints see it: plain structs, no library of the transport.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace palate {

// Views are valid until the request is answered.
struct Request {
  std::string_view method;        // "GET"; HEAD stays HEAD
  std::string_view path;          // as sent, percent-encoded, without the query
  std::string_view query;         // what follows '?', as sent
  std::string_view content_type;  // empty: none was said
  std::string_view body;
  std::string_view accept_encoding = {};
};

struct Response {
  int status = 200;
  std::string_view content_type = "application/json";  // a literal
  std::string body = {};
  std::vector<std::pair<std::string_view, std::string>> headers = {};  // names are literals
  bool close = false;  // ends the connection after this answer
};

// One request under way. Two stand behind it: a connection (transport.cc) and a direct call
// (direct.h).
class Exchange {
 public:
  virtual ~Exchange() = default;
  // Answers, once. From any thread.
  virtual void send(Response response) = 0;
  // Calls `then` on the connection's thread after `delay_us`; 0: once what is ready there has been
  // seen to. From any thread.
  virtual void call_later(int64_t delay_us, std::function<void()> then) = 0;
};

// The duty to answer one request, shared by whoever works on it. When the last copy goes unanswered
// the client gets 500, so no request can be forgotten. Copies may live on other threads.
class Reply {
 public:
  explicit Reply(std::shared_ptr<Exchange> exchange);
  // Sends the answer; a second one is a bug and aborts.
  void operator()(Response response) const;
  [[nodiscard]] bool answered() const;
  // Calls `observer` with the status just before the answer is sent, on the thread that answers.
  // Before the first answer only.
  void observe(std::function<void(int status)> observer);
  // Once `delay_us` has passed, on the connection's thread. The caller keeps its own copy.
  void later(int64_t delay_us, std::function<void()> then) const;

 private:
  struct Duty;
  std::shared_ptr<Duty> duty_;
};

// What the transport calls on an I/O thread for every well-formed request. It must not block and
// must not throw.
using Handler = std::function<void(const Request&, Reply)>;
// What the transport answers with where HTTP itself is broken before a request exists (400, 413,
// 431, 503 …).
using Refusal = std::function<Response(int status, const std::string& detail)>;

}  // namespace palate
