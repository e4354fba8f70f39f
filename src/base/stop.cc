#include "base/stop.h"

#include <atomic>
#include <fcntl.h>
#include <mutex>
#include <signal.h>
#include <thread>
#include <unistd.h>

#include "base/check.h"

namespace palate {
namespace {

std::stop_source& process_stop_source() {
  static std::stop_source source;
  return source;
}

// The self-pipe: a handler may only write to it; a thread turns the byte into a stop request.
int wake_pipe[2] = {-1, -1};

void on_signal(int signal) {
  static std::atomic<int> interrupts{0};  // lock-free, so safe in a handler
  if (signal == SIGINT && ++interrupts > 1) _exit(130);
  const char byte = static_cast<char>(signal);
  [[maybe_unused]] const ssize_t written = ::write(wake_pipe[1], &byte, 1);
}

std::atomic<int> stop_signal{0};
std::mutex reload_mutex;
std::function<void()> reload_action;  // guarded by it

void take(int signal) {
  if (signal == SIGHUP) {
    const std::lock_guard lock(reload_mutex);
    if (reload_action) return reload_action();
  }
  int none = 0;
  stop_signal.compare_exchange_strong(none, signal);
  process_stop_source().request_stop();
}

}  // namespace

std::stop_token process_stop_token() { return process_stop_source().get_token(); }

void install_signal_handlers() {
  PALATE_CHECK(wake_pipe[0] < 0, "signal handlers are installed once");
  PALATE_CHECK(::pipe2(wake_pipe, O_CLOEXEC) == 0, "a pipe for signals");
  std::thread([] {
    for (;;) {
      char byte = 0;
      if (::read(wake_pipe[0], &byte, 1) == 1) take(byte);
    }
  }).detach();
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before{};
    ::sigaction(signal, nullptr, &before);
    if (signal == SIGHUP && before.sa_handler == SIG_IGN) continue;
    ::sigaction(signal, &action, nullptr);
  }
  ::signal(SIGPIPE, SIG_IGN);
}

int stop_exit_code() {
  const int signal = stop_signal.load();
  return signal == 0 ? 0 : 128 + signal;
}

void on_hangup(std::function<void()> reload) {
  const std::lock_guard lock(reload_mutex);
  reload_action = std::move(reload);
}

Status check_stop(const std::stop_token& stop) {
  if (stop.stop_requested())
    return fail(Code::kCancelled, "stopped on request; nothing half-written was left");
  return {};
}

}  // namespace palate
