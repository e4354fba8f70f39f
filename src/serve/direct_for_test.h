// A request without a socket: calls dispatch() and waits for the answer. For tests and fuzzers.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "serve/routes.h"

namespace palate {

class DirectExchange final : public Exchange {
 public:
  void send(Response response) override {
    std::lock_guard lock(mutex_);
    response_ = std::move(response);
    answered_.notify_all();
  }
  // At once: whoever asks again until a deadline counts what it waited itself.
  void call_later(int64_t, std::function<void()> then) override { then(); }
  Response wait() {
    std::unique_lock lock(mutex_);
    answered_.wait(lock, [this] { return response_.has_value(); });
    return std::move(*response_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable answered_;
  std::optional<Response> response_;
};

inline Response call(const App& app, const Request& request) {
  auto exchange = std::make_shared<DirectExchange>();
  dispatch(app, request, Reply(exchange));
  return exchange->wait();
}

}  // namespace palate
