#include "serve/session.h"

#include <array>
#include <chrono>
#include <ctime>
#include <tuple>
#include <utility>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>
#include <fmt/format.h>

#include "base/check.h"

namespace palate {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

// How much of a refused body is read away, so that the client gets to read the refusal, and for how
// long.
constexpr int64_t kLingerBytesMax = 64 << 20;
constexpr double kLinger_s = 2;
constexpr size_t kReadAheadBytes = 16 << 10;  // beyond a header as long as is allowed
constexpr size_t kReadBytesMin = 4 << 10;     // what an idle connection holds
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

int64_t clock_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

// The Date header; computed once a second on each thread.
const std::string& http_date() {
  thread_local std::time_t last = -1;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != last) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    char buffer[40];
    text.assign(buffer, std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &utc));
    last = now;
  }
  return text;
}

// What went wrong while reading, as a status and a sentence; 0: nothing that could be answered.
std::pair<int, std::string> reading_failure(beast::error_code error, const ServeConfig& config) {
  if (error == http::error::body_limit) {
    return {413, fmt::format("The body is larger than {} bytes (serve.body_bytes_max). Send "
                             "smaller batches.",
                             config.body_bytes_max)};
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return {431, fmt::format("Request line and headers are longer than {} bytes "
                             "(serve.request_header_bytes_max).",
                             config.request_header_bytes_max)};
  }
  const auto& parse_errors = http::make_error_code(http::error::end_of_stream).category();
  if (error.category() != parse_errors || error == http::error::end_of_stream ||
      error == http::error::partial_message) {
    return {0, ""};
  }
  return {400, fmt::format("This is not valid HTTP: {}.", error.message())};
}

}  // namespace

void IoThread::watch_deadlines(std::chrono::microseconds period) {
  deadlines.expires_after(period);
  deadlines.async_wait([this, period](beast::error_code) {
    if (finished) return;
    const int64_t now_us = clock_us();
    // A session that is cut off ends later, from its own completion: the set does not change here.
    for (Session* session : sessions) session->check_deadline(now_us);
    watch_deadlines(period);
  });
}

void IoThread::finish() {
  finished = true;
  work.reset();
  deadlines.cancel();
}

std::shared_ptr<Session> Session::create(TransportShared& shared, IoThread& io,
                                         asio::ip::tcp::socket socket) {
  // The last owner may be another thread that has just answered, but a session ends at home.
  return {new Session(shared, io, std::move(socket)), [](Session* session) {
            auto& context = session->io_.context;
            if (context.get_executor().running_in_this_thread()) {
              delete session;
            } else {
              asio::post(context, [session] { delete session; });
            }
          }};
}

Session::Session(TransportShared& shared, IoThread& io, asio::ip::tcp::socket socket)
    : shared_(shared),
      io_(io),
      socket_(std::move(socket)),
      buffer_(static_cast<size_t>(shared.config.request_header_bytes_max) + kReadAheadBytes) {
  io_.sessions.insert(this);
}

Session::~Session() {
  release_body();
  io_.sessions.erase(this);
  --shared_.connections;
  if (shared_.draining && io_.sessions.empty()) io_.finish();
}

void Session::start() {
  beast::error_code ignored;
  std::ignore = socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  std::ignore = socket_.non_blocking(true, ignored);
  next_request();
}

void Session::drain() {
  close_after_answer_ = true;
  if (!waiting_for_request_) return;
  beast::error_code error;
  // Bytes that have come already are a request that deserves its answer.
  if (parser_->got_some() || buffer_.size() > 0 || socket_.available(error) > 0) return;
  close();
}

void Session::cut_off() { close(); }

void Session::check_deadline(int64_t now_us) {
  if (now_us > deadline_us_) close();
}

void Session::expire_after(double seconds) {
  deadline_us_ = clock_us() + static_cast<int64_t>(seconds * 1e6);
}

// What is under way ends with an error, and the session with it.
void Session::close() {
  beast::error_code ignored;
  std::ignore = socket_.close(ignored);
  deadline_us_ = kNever;
}

void Session::next_request() {
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(shared_.config.request_header_bytes_max));
  parser_->body_limit(static_cast<uint64_t>(shared_.config.body_bytes_max));
  unread_body_ = false;
  waiting_for_request_ = true;
  expire_after(shared_.config.keep_alive_s);
  if (buffer_.size() == 0) return read_more();
  // The client has sent ahead: the other connections have their turn first.
  asio::post(io_.context, [self = shared_from_this()] { self->advance(); });
}

void Session::read_more() {
  const size_t room = buffer_.max_size() - buffer_.size();
  if (room == 0) return refuse(http::error::buffer_overflow);
  const size_t wanted = std::max(kReadBytesMin, buffer_.capacity() - buffer_.size());
  socket_.async_read_some(buffer_.prepare(std::min(room, wanted)),
                          [self = shared_from_this()](beast::error_code error, size_t bytes) {
                            self->on_read(error, bytes);
                          });
}

void Session::on_read(beast::error_code error, size_t bytes) {
  if (error) return close();
  buffer_.commit(bytes);
  advance();
}

// Parses what there is, up to one request.
void Session::advance() {
  while (buffer_.size() > 0) {
    beast::error_code error;
    const bool had_header = parser_->is_header_done();
    const size_t used = parser_->put(buffer_.data(), error);
    buffer_.consume(used);
    if (error && error != http::error::need_more) return refuse(error);
    if (parser_->is_done()) return handle();
    if (!had_header && parser_->is_header_done() && !begin_body()) return;
    if (error || used == 0) break;
  }
  read_more();
}

// False: somebody else goes on from here.
bool Session::begin_body() {
  waiting_for_request_ = false;
  unread_body_ = true;
  if (!reserve_body()) {
    close_after_answer_ = true;
    write(shared_.callbacks.refuse(
        429, "Too many request bodies are under way (serve.bodies_bytes_max). Try again."));
    return false;
  }
  parser_->eager(true);
  if (!beast::iequals(parser_->get()[http::field::expect], "100-continue")) return true;
  asio::async_write(socket_, asio::buffer(kContinue),
                    [self = shared_from_this()](beast::error_code error, size_t) {
                      error ? self->close() : self->advance();
                    });
  return false;
}

void Session::handle() {
  waiting_for_request_ = false;
  unread_body_ = false;
  const auto& message = parser_->get();
  if (message.version() >= 11 && message.count(http::field::host) != 1) {
    close_after_answer_ = true;
    return write(shared_.callbacks.refuse(400, "An HTTP/1.1 request names one Host."));
  }
  if (!message.keep_alive()) close_after_answer_ = true;
  deadline_us_ = kNever;  // while the handler works its own limits hold
  const std::string_view target = view(message.target());
  const size_t mark = target.find('?');
  const Request request{
      .method = view(message.method_string()),
      .path = target.substr(0, mark),
      .query = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1),
      .content_type = view(message[http::field::content_type]),
      .body = message.body(),
      .accept_encoding = view(message[http::field::accept_encoding])};
  shared_.callbacks.handle(request, Reply(shared_from_this()));
}

void Session::refuse(beast::error_code error) {
  waiting_for_request_ = false;
  const auto [status, detail] = reading_failure(error, shared_.config);
  if (status == 0) return close();
  close_after_answer_ = true;
  unread_body_ = true;
  write(shared_.callbacks.refuse(status, detail));
}

void Session::send(Response response) {
  if (io_.context.get_executor().running_in_this_thread()) return write(std::move(response));
  asio::post(io_.context, [self = shared_from_this(), answer = std::move(response)]() mutable {
    self->write(std::move(answer));
  });
}

void Session::call_later(int64_t delay_us, std::function<void()> then) {
  if (delay_us <= 0) {
    asio::post(io_.context, std::move(then));
    return;
  }
  auto timer =
      std::make_shared<asio::steady_timer>(io_.context, std::chrono::microseconds(delay_us));
  // On a cancelled timer too: what waits must come back to be answered.
  timer->async_wait([timer, next = std::move(then)](beast::error_code) { next(); });
}

void Session::write(Response response) {
  if (shared_.draining || response.close) close_after_answer_ = true;
  write_head(response);
  const bool head_only = parser_->get().method() == http::verb::head || response.status == 204;
  body_ = head_only ? std::string() : std::move(response.body);
  expire_after(shared_.config.write_s);
  flush();
}

void Session::write_head(const Response& response) {
  const bool old = parser_->get().version() == 10;
  const auto reason =
      http::obsolete_reason(http::int_to_status(static_cast<unsigned>(response.status)));
  head_.clear();
  auto out = std::back_inserter(head_);
  fmt::format_to(out, "HTTP/1.{} {} {}\r\nDate: {}\r\n", old ? 0 : 1, response.status, view(reason),
                 http_date());
  head_ += "X-Content-Type-Options: nosniff\r\n";
  for (const auto& [name, value] : response.headers) {
    fmt::format_to(out, "{}: {}\r\n", name, value);
  }
  if (response.status != 204) {
    fmt::format_to(out, "Content-Type: {}\r\nContent-Length: {}\r\n", response.content_type,
                   response.body.size());
  }
  if (close_after_answer_) {
    head_ += "Connection: close\r\n";
  } else if (old) {
    head_ += "Connection: keep-alive\r\n";
  }
  head_ += "\r\n";
}

// What the socket takes at once needs no round through the event loop.
void Session::flush() {
  const std::array<asio::const_buffer, 2> answer{asio::buffer(head_), asio::buffer(body_)};
  beast::error_code error;
  size_t sent = socket_.write_some(answer, error);
  if (error == asio::error::would_block) error = {};
  if (error || sent == head_.size() + body_.size()) return on_written(error);
  const size_t of_head = std::min(sent, head_.size());
  const std::array<asio::const_buffer, 2> rest{answer[0] + of_head, answer[1] + (sent - of_head)};
  asio::async_write(socket_, rest, [self = shared_from_this()](beast::error_code failed, size_t) {
    self->on_written(failed);
  });
}

void Session::on_written(beast::error_code error) {
  release_body();
  if (error) return close();
  if (!close_after_answer_) return next_request();
  beast::error_code ignored;
  std::ignore = socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  if (unread_body_) return linger();
  close();
}

// Closing a socket with unread bytes resets the connection, and the client may never see the
// answer; so read on for a moment and throw away.
void Session::linger() {
  expire_after(kLinger_s);
  read_on();
}

void Session::read_on() {
  buffer_.clear();
  socket_.async_read_some(buffer_.prepare(kReadAheadBytes),
                          [self = shared_from_this()](beast::error_code error, size_t bytes) {
                            self->lingered_ += static_cast<int64_t>(bytes);
                            if (error || self->lingered_ > kLingerBytesMax) return self->close();
                            self->read_on();
                          });
}

bool Session::reserve_body() {
  const auto length = parser_->content_length();
  const auto bytes = length ? static_cast<int64_t>(*length) : shared_.config.body_bytes_max;
  if (shared_.body_bytes.fetch_add(bytes) + bytes > shared_.config.bodies_bytes_max) {
    shared_.body_bytes -= bytes;
    return false;
  }
  body_reserved_ = bytes;
  return true;
}

void Session::release_body() {
  shared_.body_bytes -= body_reserved_;
  body_reserved_ = 0;
}

}  // namespace palate
