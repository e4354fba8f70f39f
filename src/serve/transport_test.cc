#include "serve/transport.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "serve/http_client_for_test.h"
#include "serve/problem.h"

namespace palate {
namespace {

using std::chrono::milliseconds;

// Answers "/slow" from another thread after 200 ms, drops "/drop", else echoes method, path, body.
class TransportTest : public testing::Test {
 protected:
  void start(ServeConfig config = {}) {
    config.port = 0;
    config.threads = 2;
    auto server = HttpServer::listen(config);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    server_->serve(
        {.handle = [this](const Request& request,
                          Reply reply) { handle(request, std::move(reply)); },
         .refuse = [](int status, const std::string& detail) { return problem(status, detail); }});
  }
  ~TransportTest() override {
    for (auto& thread : workers_) thread.join();
  }
  void handle(const Request& request, Reply reply) {
    ++handled_;
    if (request.path == "/drop") return;
    if (request.path == "/later") {
      reply.later(20'000, [reply] { reply({.body = "later"}); });
      return;
    }
    if (request.path == "/slow") {
      std::lock_guard lock(mutex_);
      workers_.emplace_back([reply] {
        std::this_thread::sleep_for(milliseconds(200));
        reply({.body = "slow"});
      });
      return;
    }
    reply({.content_type = "text/plain",
           .body = fmt::format("{} {} {} {}", request.method, request.path, request.query,
                               request.body)});
  }
  [[nodiscard]] uint16_t port() const { return server_->port(); }

  std::mutex mutex_;
  std::vector<std::thread> workers_;
  std::atomic<int> handled_ = 0;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(TransportTest, KeepsAConnectionForManyRequests) {
  start();
  TestClient client(port());
  for (int i = 0; i < 100; ++i) {
    const auto response = client.post(fmt::format("/x?i={}", i), "body");
    ASSERT_EQ(response.status, 200);
    ASSERT_EQ(response.body, fmt::format("POST /x i={} body", i));
  }
  EXPECT_EQ(server_->connections(), 1);
}

TEST_F(TransportTest, AnswersPipelinedRequestsInOrder) {
  start();
  TestClient client(port());
  client.send_raw(
      "GET /slow HTTP/1.1\r\nHost: t\r\n\r\nGET /b HTTP/1.1\r\nHost: t\r\n\r\n"
      "POST /c HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(client.receive().body, "slow");
  EXPECT_EQ(client.receive().body, "GET /b  ");
  EXPECT_EQ(client.receive().body, "POST /c  hi");
}

// Answers larger than what the socket takes at once, and requests that come in any pieces.
TEST_F(TransportTest, LargeAnswersAndRequestsInPiecesArriveWhole) {
  start();
  TestClient client(port());
  const std::string body(3 << 20, 'b');
  for (int i = 0; i < 3; ++i) {
    const auto response = client.post("/x", body);
    ASSERT_EQ(response.status, 200);
    ASSERT_EQ(response.body.size(), body.size() + std::string("POST /x  ").size());
  }
  const std::string request = "POST /y HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nwhole";
  for (size_t cut = 1; cut + 1 < request.size(); cut += 7) {
    TestClient pieces(port());
    ASSERT_TRUE(pieces.send_raw(request.substr(0, cut)));
    std::this_thread::sleep_for(milliseconds(1));
    ASSERT_TRUE(pieces.send_raw(request.substr(cut)));
    EXPECT_EQ(pieces.receive().body, "POST /y  whole");
  }
}

TEST_F(TransportTest, AnOldClientIsAnsweredInItsVersion) {
  start();
  TestClient client(port());
  ASSERT_TRUE(client.send_raw("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  const auto kept = client.receive();
  EXPECT_EQ(kept.headers.substr(0, 9), "HTTP/1.0 ");
  EXPECT_EQ(kept.header("Connection"), "keep-alive");
  ASSERT_TRUE(client.send_raw("GET /b HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(client.receive().body, "GET /b  ");
  EXPECT_TRUE(client.at_end());
}

TEST_F(TransportTest, AnswersLaterOnTheConnectionsThread) {
  start();
  TestClient client(port());
  EXPECT_EQ(client.get("/later").body, "later");
}

TEST_F(TransportTest, HeadHasTheHeadersOfGetAndNoBody) {
  start();
  TestClient client(port());
  const auto head = client.ask("HEAD", "/x");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("Content-Length"), "9");
  EXPECT_EQ(client.get("/y").body, "GET /y  ");
}

TEST_F(TransportTest, ARequestNobodyAnswersGets500) {
  start();
  TestClient client(port());
  const auto response = client.get("/drop");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.header("Content-Type"), "application/problem+json");
}

TEST_F(TransportTest, TooLargeABodyIsRefusedWithItsLimit) {
  start({.body_bytes_max = 1024});
  for (const bool chunked : {false, true}) {
    TestClient client(port());
    const std::string body(200'000, 'x');
    client.send_raw(chunked
                        ? fmt::format("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked"
                                      "\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n",
                                      body.size(), body)
                        : fmt::format("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{}",
                                      body.size(), body));
    const auto response = client.receive();
    EXPECT_EQ(response.status, 413);
    EXPECT_NE(response.body.find("1024 bytes"), std::string::npos) << response.body;
    EXPECT_EQ(response.header("Connection"), "close");
    EXPECT_TRUE(client.at_end());
  }
  EXPECT_EQ(handled_, 0);
}

TEST_F(TransportTest, TooLongHeadersAreRefused) {
  start({.request_header_bytes_max = 1024});
  TestClient client(port());
  client.send_raw("GET / HTTP/1.1\r\nHost: t\r\nX: " + std::string(5000, 'x') + "\r\n\r\n");
  EXPECT_EQ(client.receive().status, 431);
  EXPECT_TRUE(client.at_end());
}

TEST_F(TransportTest, BodiesUnderWayAreLimitedTogether) {
  start({.body_bytes_max = 1'000'000, .bodies_bytes_max = 1'500'000});
  TestClient slow(port());
  slow.send_raw("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\n");
  std::this_thread::sleep_for(milliseconds(100));
  TestClient second(port());
  const auto refused = second.post("/", std::string(900'000, 'x'));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("Retry-After"), "1");
  slow.send_raw(std::string(1'000'000, 'y'));
  EXPECT_EQ(slow.receive().status, 200);
  TestClient third(port());
  EXPECT_EQ(third.post("/", std::string(900'000, 'x')).status, 200);
}

TEST_F(TransportTest, WhatIsNotHttpGets400) {
  start();
  for (const std::string_view bad :
       {"\x16\x03\x01 hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"}) {
    TestClient client(port());
    client.send_raw(bad);
    EXPECT_EQ(client.receive().status, 400) << bad;
    EXPECT_TRUE(client.at_end()) << bad;
  }
  EXPECT_EQ(handled_, 0);
}

TEST_F(TransportTest, WaitsForABodyThatAsksToContinue) {
  start();
  TestClient client(port());
  client.send_raw(
      "POST / HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.receive().status, 100);
  client.send_raw("ok");
  EXPECT_EQ(client.receive().body, "POST /  ok");
}

TEST_F(TransportTest, ASlowClientIsCutOff) {
  start({.keep_alive_s = 0.2});
  TestClient idle(port()), dripping(port());
  dripping.send_raw("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n");
  for (int i = 0; i < 40 && dripping.send_raw("x"); ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_TRUE(idle.at_end());
  EXPECT_TRUE(dripping.at_end());
  EXPECT_EQ(handled_, 0);
}

TEST_F(TransportTest, AClientThatDoesNotReadIsCutOff) {
  start({.write_s = 0.2});
  TestClient client(port());
  // The answers do not fit the socket's buffers, so writing stalls.
  const std::string body(4'000'000, 'x');
  std::thread sender([&] {
    for (int i = 0; i < 5; ++i) {
      client.send_raw(fmt::format("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{}",
                                  body.size(), body));
    }
  });
  for (int i = 0; i < 500 && (handled_ == 0 || server_->connections() > 0); ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_EQ(server_->connections(), 0);
  sender.join();
}

TEST_F(TransportTest, MoreConnectionsThanAllowedAreTurnedAway) {
  start({.connections_max = 2});
  TestClient first(port()), second(port());
  ASSERT_EQ(first.get("/").status, 200);
  ASSERT_EQ(second.get("/").status, 200);
  {
    TestClient third(port());
    const auto response = third.receive();
    EXPECT_EQ(response.status, 503);
    EXPECT_NE(response.body.find("connections_max"), std::string::npos);
  }
  EXPECT_EQ(first.get("/").status, 200);
}

TEST_F(TransportTest, AConnectionThatEndsMakesRoom) {
  start({.connections_max = 1});
  for (int i = 0; i < 5; ++i) {
    TestResponse response;
    for (int wait = 0; wait < 200 && response.status != 200; ++wait) {
      TestClient client(port());
      response = client.get("/");
      if (response.status != 200) std::this_thread::sleep_for(milliseconds(5));
    }
    EXPECT_EQ(response.status, 200);
  }
}

TEST_F(TransportTest, APortInUseIsNamed) {
  start();
  ServeConfig config;
  config.port = port();
  const auto second = HttpServer::listen(config);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kConflict);
  EXPECT_NE(second.error().message.find(std::to_string(port())), std::string::npos);
  EXPECT_NE(second.error().message.find("--port"), std::string::npos);
}

TEST_F(TransportTest, AnAddressThatIsNoneIsRefused) {
  ServeConfig config;
  config.host = "nowhere";
  EXPECT_EQ(HttpServer::listen(config).error().code, Code::kInvalidArgument);
  config.host = "192.0.2.1";
  EXPECT_EQ(HttpServer::listen(config).error().code, Code::kInvalidArgument);
}

TEST_F(TransportTest, DrainFinishesWhatIsInFlight) {
  start();
  TestClient busy(port()), idle(port());
  ASSERT_EQ(idle.get("/").status, 200);
  busy.send_raw("GET /slow HTTP/1.1\r\nHost: t\r\n\r\n");
  while (handled_ < 2) std::this_thread::sleep_for(milliseconds(1));
  server_->drain();
  const auto response = busy.receive();
  EXPECT_EQ(response.body, "slow");
  EXPECT_EQ(response.header("Connection"), "close");
  EXPECT_TRUE(busy.at_end());
  EXPECT_TRUE(idle.at_end());
  EXPECT_FALSE(TestClient(port()).connected());
}

TEST_F(TransportTest, DrainCutsOffWhoDoesNotFinish) {
  start({.drain_s = 0.1});
  TestClient half(port());
  half.send_raw("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n12345");
  std::this_thread::sleep_for(milliseconds(50));
  const auto begin = std::chrono::steady_clock::now();
  server_->drain();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(3));
  EXPECT_TRUE(half.at_end());
}

}  // namespace
}  // namespace palate
