#include "simulate/load/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulate/load/stub_server_for_test.h"

namespace palate {
namespace {

using testing::HasSubstr;

constexpr int64_t kMs = 1'000'000;

LoadOptions options_for(const StubServer& server, double rate, double seconds) {
  LoadOptions options;
  options.url = server.url();
  options.rate = rate;
  options.connections = 4;
  options.seconds = seconds;
  options.warmup_s = 0;
  options.timeout_s = 5;
  return options;
}

LoadReport must_run(const LoadOptions& options) {
  auto report = run_load(options, {});
  EXPECT_TRUE(report) << (report ? "" : report.error().message);
  return report ? *report : LoadReport{};
}

StubAnswer fine(size_t, std::string_view) { return {}; }

// 100 of the 1000 requests are due while the server stalls; a closed loop would have sent it four.
TEST(Load, AnOpenLoopShowsAStallInAllThatCameMeanwhile) {
  StubServer server([](size_t number, std::string_view) {
    return StubAnswer{.stall_ms = number == 300 ? 100 : 0};
  });
  const LoadReport report = must_run(options_for(server, 1000, 1));
  EXPECT_EQ(report.due, 1000u);
  EXPECT_EQ(report.answered(), 1000u);
  EXPECT_EQ(report.failed(), 0u);
  EXPECT_EQ(server.requests(), 1000u);
  ASSERT_EQ(report.kinds.size(), 1u);
  const LatencyHistogram& latency = report.kinds[0].latency;
  EXPECT_EQ(latency.count(), 1000u);
  EXPECT_GE(latency.max_ns(), 99 * kMs);
  EXPECT_GE(latency.quantile_ns(0.99), 80 * kMs);
  EXPECT_GE(latency.quantile_ns(0.95), 40 * kMs);
}

TEST(Load, AClosedLoopAsksAgainAtOnce) {
  StubServer server(fine);
  LoadOptions options = options_for(server, 0, 0.3);
  options.warmup_s = 0.1;
  const LoadReport report = must_run(options);
  EXPECT_GT(report.answered(), 50u);
  EXPECT_EQ(report.failed(), 0u);
  EXPECT_LT(report.answered(), server.requests());  // the warm-up is not counted
  EXPECT_EQ(report.due, report.answered());
  EXPECT_GT(report.cpu_share, 0);
}

TEST(Load, RefusalsAreCountedAndSaid) {
  StubServer server([](size_t number, std::string_view) {
    return number % 4 == 0 ? StubAnswer{.status = 503, .body = "no room"} : StubAnswer{};
  });
  const LoadReport report = must_run(options_for(server, 400, 0.5));
  EXPECT_EQ(report.due, 200u);
  EXPECT_EQ(report.refused, 50u);
  EXPECT_EQ(report.answered(), 150u);
  EXPECT_THAT(report.first_failure, HasSubstr("503: no room"));
}

TEST(Load, GoesOnAfterConnectionsThatBreak) {
  StubServer server(
      [](size_t number, std::string_view) { return StubAnswer{.close = number % 50 == 10}; });
  const LoadReport report = must_run(options_for(server, 400, 0.5));
  EXPECT_EQ(report.due, 200u);
  EXPECT_EQ(report.broken, 4u);
  EXPECT_EQ(report.answered(), 196u);
}

TEST(Load, WhatIsNeverAnsweredCountsWithTheTimeItWaited) {
  StubServer server(
      [](size_t number, std::string_view) { return StubAnswer{.silent = number >= 10}; });
  LoadOptions options = options_for(server, 100, 0.5);
  options.timeout_s = 0.2;
  const LoadReport report = must_run(options);
  EXPECT_EQ(report.due, 50u);
  EXPECT_EQ(report.answered(), 10u);
  EXPECT_EQ(report.timed_out + report.unsent, 40u);
  EXPECT_GT(report.unsent, 0u);
  EXPECT_EQ(report.kinds.at(0).latency.count(), 50u);
  EXPECT_GE(report.kinds.at(0).latency.quantile_ns(0.5), 150 * kMs);
}

TEST(Load, AMixtureHasARowForEachKind) {
  std::atomic<size_t> posts = 0, events = 0;
  StubServer server([&](size_t, std::string_view request) {
    if (request.starts_with("POST /v1/events ")) {
      ++posts;
      for (size_t at = request.find("event_id"); at != request.npos;
           at = request.find("event_id", at + 1)) {
        ++events;
      }
    }
    return StubAnswer{};
  });
  LoadOptions options = options_for(server, 1000, 0.5);
  options.requests.send = "recommend=3,events=1";
  options.requests.batch = 7;
  const LoadReport report = must_run(options);
  ASSERT_EQ(report.kinds.size(), 2u);
  EXPECT_EQ(report.answered(), 500u);
  const auto& kind = report.kinds[report.kinds[0].name == "events" ? 0 : 1];
  EXPECT_EQ(kind.answered, posts);
  EXPECT_EQ(events, posts * 7);
  EXPECT_GT(posts, 80u);  // 125 are expected
  EXPECT_LT(posts, 170u);
}

// The item goes with the second look after the event.
TEST(Load, AProbeLooksUntilTheListHasChanged) {
  std::atomic<int> looks = 0;
  std::atomic<bool> changes = true;
  StubServer server([&](size_t, std::string_view request) {
    if (request.starts_with("POST")) {
      EXPECT_THAT(std::string(request), HasSubstr(R"("item":"i7")"));
      looks = 0;
      return StubAnswer{};
    }
    const bool gone = changes && ++looks == 2;
    return StubAnswer{.body = gone ? R"({"items":[{"item":"i8"}]})"
                                   : R"({"items":[{"item":"i7"},{"item":"i8"}]})"};
  });
  LoadOptions options = options_for(server, 50, 0.2);
  options.fresh = true;
  options.connections = 1;
  const LoadReport report = must_run(options);
  EXPECT_EQ(report.due, 10u);
  EXPECT_EQ(report.kinds.at(0).name, "fresh");
  EXPECT_EQ(report.answered(), 10u);
  changes = false;
  const LoadReport never = must_run(options);
  EXPECT_GT(never.unchanged, 0u);
  EXPECT_EQ(never.answered(), 0u);
}

TEST(Load, NobodyThereIsSaidAtOnce) {
  LoadOptions options;
  {
    const StubServer server(fine);
    options.url = server.url();
  }
  const auto report = run_load(options, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kUnavailable);
  EXPECT_THAT(report.error().message, HasSubstr("palate serve"));
}

TEST(Load, RefusesWhatCannotBe) {
  const auto refused = [](auto change) {
    LoadOptions options;
    change(options);
    const auto report = run_load(options, {});
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, Code::kInvalidArgument) << report.error().message;
  };
  refused([](LoadOptions& o) { o.url = "127.0.0.1:8080"; });
  refused([](LoadOptions& o) { o.url = "http://127.0.0.1:99999"; });
  refused([](LoadOptions& o) { o.rate = -1; });
  refused([](LoadOptions& o) { o.rate = std::numeric_limits<double>::quiet_NaN(); });
  refused([](LoadOptions& o) { o.connections = 0; });
  refused([](LoadOptions& o) { o.seconds = 0; });
  refused([](LoadOptions& o) { o.warmup_s = -1; });
  refused([](LoadOptions& o) { o.timeout_s = 0; });
  refused([](LoadOptions& o) { o.requests.batch = 0; });
  refused([](LoadOptions& o) { o.requests.n = 1001; });
  refused([](LoadOptions& o) { o.requests.users = "u1"; });
  refused([](LoadOptions& o) { o.requests.users = "u9..u1"; });
  refused([](LoadOptions& o) { o.requests.items = "i1..j5"; });
  refused([](LoadOptions& o) { o.requests.send = ""; });
  refused([](LoadOptions& o) { o.requests.send = "recommends"; });
  refused([](LoadOptions& o) { o.requests.send = "recommend=0"; });
  refused([](LoadOptions& o) { o.requests.send = "/a b"; });
}

TEST(Load, StopsWhenAsked) {
  const StubServer server(fine);
  std::stop_source stop;
  stop.request_stop();
  const auto report = run_load(options_for(server, 10, 60), stop.get_token());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kCancelled);
}

}  // namespace
}  // namespace palate
