#include "serve/slow_lane.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "serve/direct_for_test.h"
#include "serve/routes.h"

namespace palate {
namespace {

TEST(SlowLane, RunsAllInTheirOrderBesideTheCaller) {
  std::vector<int> order;
  std::vector<std::thread::id> threads;
  {
    SlowLane lane;
    for (int i = 0; i < 100; ++i) {
      lane.run([&, i] {
        order.push_back(i);
        threads.push_back(std::this_thread::get_id());
      });
    }
  }
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
  for (const auto& thread : threads) EXPECT_EQ(thread, threads.front());
  EXPECT_NE(threads.front(), std::this_thread::get_id());
}

class ThreadOfAnswer final : public Exchange {
 public:
  void send(Response response) override {
    status = response.status;
    thread = std::this_thread::get_id();
  }
  void call_later(int64_t, std::function<void()> then) override { then(); }
  int status = 0;
  std::thread::id thread;
};

// A body that is refused where it is read says where that was.
TEST(Dispatch, ALargeBodyIsReadBesideTheEventLoop) {
  ServeMetrics metrics(endpoint_names(), Tenant{});
  App app;
  app.metrics = &metrics;
  const auto asked = [&](size_t body_bytes) {
    auto exchange = std::make_shared<ThreadOfAnswer>();
    const std::string body(body_bytes, 'x');
    {
      SlowLane lane;
      app.slow_lane = &lane;
      Request request;
      request.method = "POST";
      request.path = "/v1/recommendations";
      request.body = body;
      dispatch(app, request, Reply(exchange));
    }
    EXPECT_EQ(exchange->status, 400);
    return exchange->thread;
  };
  EXPECT_EQ(asked(SlowLane::kQuickBodyBytesMax), std::this_thread::get_id());
  EXPECT_NE(asked(SlowLane::kQuickBodyBytesMax + 1), std::this_thread::get_id());
}

}  // namespace
}  // namespace palate
