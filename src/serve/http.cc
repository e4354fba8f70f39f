#include "serve/http.h"

#include <atomic>

#include "base/check.h"

namespace palate {

struct Reply::Duty {
  explicit Duty(std::shared_ptr<Exchange> given) : exchange(std::move(given)) {}
  Duty(const Duty&) = delete;
  Duty& operator=(const Duty&) = delete;
  ~Duty() {
    if (answered) return;
    if (observer) observer(500);
    exchange->send({.status = 500,
                    .content_type = "application/problem+json",
                    .body = R"({"type":"/problems/internal","title":"A bug of Palate; please )"
                            R"(report it.","status":500,"code":"internal",)"
                            R"("detail":"The request was dropped without an answer."})"});
  }
  std::shared_ptr<Exchange> exchange;
  std::function<void(int)> observer;
  std::atomic<bool> answered = false;
};

Reply::Reply(std::shared_ptr<Exchange> exchange)
    : duty_(std::make_shared<Duty>(std::move(exchange))) {}

void Reply::operator()(Response response) const {
  PALATE_CHECK(!duty_->answered.exchange(true), "a request is answered once");
  if (duty_->observer) duty_->observer(response.status);
  duty_->exchange->send(std::move(response));
}

bool Reply::answered() const { return duty_->answered; }

void Reply::observe(std::function<void(int status)> observer) {
  duty_->observer = std::move(observer);
}

void Reply::later(int64_t delay_us, std::function<void()> then) const {
  duty_->exchange->call_later(delay_us, std::move(then));
}

}  // namespace palate
