#include "serve/session.h"

#include <chrono>
#include <ctime>
#include <utility>

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
constexpr auto kLinger = std::chrono::seconds(2);
constexpr size_t kReadAheadBytes = 16 << 10;

std::chrono::nanoseconds seconds(double s) {
  return std::chrono::nanoseconds(static_cast<int64_t>(s * 1e9));
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
      stream_(std::move(socket)),
      buffer_(static_cast<size_t>(shared.config.request_header_bytes_max) + kReadAheadBytes) {
  io_.sessions.insert(this);
}

Session::~Session() {
  release_body();
  io_.sessions.erase(this);
  --shared_.connections;
  if (shared_.draining && io_.sessions.empty()) io_.work.reset();
}

void Session::start() {
  beast::error_code ignored;
  stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  read_header();
}

void Session::drain() {
  close_after_answer_ = true;
  if (!waiting_for_request_) return;
  beast::error_code error;
  // Bytes that have come already are a request that deserves its answer.
  if (parser_->got_some() || buffer_.size() > 0 || stream_.socket().available(error) > 0) return;
  stream_.close();
}

void Session::cut_off() { stream_.close(); }

void Session::read_header() {
  message_.reset();
  headers_.reset();
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(shared_.config.request_header_bytes_max));
  parser_->body_limit(static_cast<uint64_t>(shared_.config.body_bytes_max));
  unread_body_ = false;
  waiting_for_request_ = true;
  stream_.expires_after(seconds(shared_.config.keep_alive_s));
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](beast::error_code error, size_t) { self->on_header(error); });
}

void Session::on_header(beast::error_code error) {
  waiting_for_request_ = false;
  if (error) return refuse(error);
  if (parser_->is_done()) return handle();
  unread_body_ = true;
  if (!reserve_body()) {
    close_after_answer_ = true;
    Response response = shared_.callbacks.refuse(
        429, "Too many request bodies are under way (serve.bodies_bytes_max). Try again.");
    return write(std::move(response));
  }
  if (!beast::iequals(parser_->get()[http::field::expect], "100-continue")) return read_body();
  continue_ = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(stream_, asio::buffer(continue_),
                    [self = shared_from_this()](beast::error_code failed, size_t) {
                      if (!failed) self->read_body();
                    });
}

void Session::read_body() {
  http::async_read(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](beast::error_code error, size_t) { self->on_request(error); });
}

void Session::on_request(beast::error_code error) {
  if (error) return refuse(error);
  unread_body_ = false;
  handle();
}

void Session::handle() {
  const auto& message = parser_->get();
  if (message.version() >= 11 && message.count(http::field::host) != 1) {
    close_after_answer_ = true;
    return write(shared_.callbacks.refuse(400, "An HTTP/1.1 request names one Host."));
  }
  if (!message.keep_alive()) close_after_answer_ = true;
  // While the handler works no deadline runs: its own limits hold.
  stream_.expires_never();
  const std::string_view target = view(message.target());
  const size_t mark = target.find('?');
  const Request request{
      .method = view(message.method_string()),
      .path = target.substr(0, mark),
      .query = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1),
      .content_type = view(message[http::field::content_type]),
      .body = message.body()};
  shared_.callbacks.handle(request, Reply(shared_from_this()));
}

void Session::refuse(beast::error_code error) {
  const auto [status, detail] = reading_failure(error, shared_.config);
  if (status == 0) return stream_.close();
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
  auto timer =
      std::make_shared<asio::steady_timer>(io_.context, std::chrono::microseconds(delay_us));
  // On a cancelled timer too: what waits must come back to be answered.
  timer->async_wait([timer, next = std::move(then)](beast::error_code) { next(); });
}

void Session::write(Response response) {
  if (shared_.draining || response.close) close_after_answer_ = true;
  const auto& request = parser_->get();
  auto& message = message_.emplace(http::status(response.status), request.version());
  if (request.version() < 10) message.version(11);
  message.set(http::field::date, http_date());
  message.set(http::field::content_type,
              beast::string_view(response.content_type.data(), response.content_type.size()));
  message.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) {
    message.set(beast::string_view(name.data(), name.size()), value);
  }
  message.keep_alive(!close_after_answer_);
  message.body() = std::move(response.body);
  if (response.status == 204) {
    message.erase(http::field::content_type);
  } else {
    message.prepare_payload();
  }
  stream_.expires_after(seconds(shared_.config.write_s));
  if (request.method() == http::verb::head) return write_header_only();
  http::async_write(stream_, message, [self = shared_from_this()](beast::error_code error, size_t) {
    self->on_written(error);
  });
}

void Session::write_header_only() {
  headers_.emplace(*message_);
  http::async_write_header(
      stream_, *headers_,
      [self = shared_from_this()](beast::error_code error, size_t) { self->on_written(error); });
}

void Session::on_written(beast::error_code error) {
  release_body();
  if (error) return stream_.close();
  if (!close_after_answer_) return read_header();
  beast::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  if (unread_body_) return linger();
  stream_.close();
}

// Closing a socket with unread bytes resets the connection, and the client may never see the
// answer; so read on for a moment and throw away.
void Session::linger() {
  stream_.expires_after(kLinger);
  parser_.reset();
  read_on();
}

void Session::read_on() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(kReadAheadBytes),
                          [self = shared_from_this()](beast::error_code error, size_t bytes) {
                            self->lingered_ += static_cast<int64_t>(bytes);
                            if (error || self->lingered_ > kLingerBytesMax)
                              return self->stream_.close();
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
