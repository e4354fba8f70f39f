#include "simulate/load/connection.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <netdb.h>
#include <netinet/tcp.h>

#include "base/check.h"

namespace palate {
namespace {

constexpr size_t kReceiveBytes = 16 << 10;

std::unexpected<Error> io_error(std::string_view what, int number) {
  return fail(Code::kIo, "{}: {}", what, std::strerror(number));
}

}  // namespace

Result<LoadTarget> LoadTarget::parse(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  const auto wrong = [&] {
    return fail(Code::kInvalidArgument, "'{}' is no address. Write http://HOST:PORT.", url);
  };
  if (!url.starts_with(kScheme)) return wrong();
  std::string_view rest = url.substr(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const size_t colon = rest.find(':');
  const std::string_view port_text = colon == rest.npos ? "80" : rest.substr(colon + 1);
  uint16_t port = 0;
  const auto read = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  const bool whole = read.ec == std::errc() && read.ptr == port_text.data() + port_text.size();
  LoadTarget target;
  target.host = rest.substr(0, colon);
  if (!whole || port == 0 || target.host.empty()) return wrong();
  addrinfo hints{}, *found = nullptr;
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  if (const int error = getaddrinfo(target.host.c_str(), nullptr, &hints, &found); error != 0) {
    return fail(Code::kNotFound, "The host '{}' is not known: {}.", target.host,
                gai_strerror(error));
  }
  std::memcpy(&target.address, found->ai_addr, sizeof target.address);
  freeaddrinfo(found);
  target.address.sin_port = htons(port);
  return target;
}

LoadConnection::LoadConnection(LoadConnection&& other) noexcept
    : epoll_(other.epoll_), tag_(other.tag_) {
  PALATE_CHECK(other.fd_ < 0, "only an unconnected one moves");
}

void LoadConnection::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  connecting_ = busy_ = wants_write_ = false;
  received_ = 0;
  head_.reset();
}

Status LoadConnection::connect(const LoadTarget& target) {
  close();
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return io_error("a socket cannot be opened", errno);
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto* address = reinterpret_cast<const sockaddr*>(&target.address);
  if (::connect(fd_, address, sizeof target.address) != 0 && errno != EINPROGRESS) {
    return io_error("no connection", errno);
  }
  connecting_ = wants_write_ = true;
  return watch(true, false);
}

Status LoadConnection::watch(bool writable, bool added) {
  epoll_event event{};
  event.events = EPOLLIN | (writable ? EPOLLOUT : 0u);
  event.data.u32 = tag_;
  if (epoll_ctl(epoll_, added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd_, &event) != 0) {
    return io_error("epoll", errno);
  }
  wants_write_ = writable;
  return {};
}

Status LoadConnection::send() {
  PALATE_CHECK(open() && !busy_, "one request at a time");
  busy_ = true;
  sent_ = 0;
  return flush();
}

Status LoadConnection::flush() {
  while (sent_ < out_.size()) {
    const ssize_t n = ::send(fd_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) return io_error("sending failed", errno);
    if (n < 0) return wants_write_ ? Status{} : watch(true, true);
    sent_ += static_cast<size_t>(n);
  }
  return wants_write_ ? watch(false, true) : Status{};
}

Status LoadConnection::connected() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return io_error("no connection", error);
  connecting_ = false;
  return watch(false, true);
}

Result<std::optional<LoadConnection::Answer>> LoadConnection::on_ready(uint32_t ready) {
  if (connecting_) {
    TRY(connected());
    return std::nullopt;
  }
  if ((ready & EPOLLOUT) != 0 && busy_) TRY(flush());
  if ((ready & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return std::nullopt;
  return receive();
}

Result<std::optional<LoadConnection::Answer>> LoadConnection::receive() {
  if (in_.size() < received_ + kReceiveBytes) in_.resize(received_ + kReceiveBytes);
  const ssize_t n = recv(fd_, in_.data() + received_, in_.size() - received_, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  if (n < 0) return io_error("receiving failed", errno);
  if (n == 0) return fail(Code::kIo, "the server closed the connection");
  received_ += static_cast<size_t>(n);
  if (!busy_) return fail(Code::kCorrupt, "an answer came that nobody had asked for");
  const std::string_view all = std::string_view(in_).substr(0, received_);
  if (!head_) head_ = TRY(read_answer_head(all));
  if (!head_ || received_ < head_->bytes + head_->body_bytes) return std::nullopt;
  if (received_ > head_->bytes + head_->body_bytes) {
    return fail(Code::kCorrupt, "the server's answer is longer than it says");
  }
  const Answer answer{head_->status, all.substr(head_->bytes)};
  const bool last = head_->close;
  busy_ = false;
  received_ = 0;
  head_.reset();
  if (last) close();
  return answer;
}

}  // namespace palate
