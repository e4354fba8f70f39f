#include "store/redis_state.h"

#include <gtest/gtest.h>

#include "store/redis_server_for_test.h"

namespace palate {
namespace {

StateStore::Put put(std::string key, std::string value) {
  return {std::move(key), std::move(value)};
}

TEST(RedisState, WhatIsDownComesBackWithWhatWasWritten) {
  RedisServer server;
  const auto state = *RedisState::open({server.config(), {}, ""});
  const std::vector before{put("k", "1")}, after{put("k", "2")};
  ASSERT_TRUE(state->write(before));
  server.stop();
  EXPECT_EQ(state->get("k").error().code, Code::kUnavailable);
  EXPECT_EQ(state->write(after).error().code, Code::kUnavailable);
  EXPECT_EQ(state->scan("", [](auto, auto) { return true; }).error().code, Code::kUnavailable);
  server.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(600));  // it is left alone so long
  EXPECT_EQ(state->get("k").value(), "1");
  ASSERT_TRUE(state->write(after));
  EXPECT_EQ(state->get("k").value(), "2");
}

TEST(RedisState, ARestartBetweenTwoCallsIsNotNoticed) {
  RedisServer server;
  const auto state = *RedisState::open({server.config(), {}, ""});
  const std::vector batch{put("k", "1")};
  ASSERT_TRUE(state->write(batch));
  server.stop();
  server.start();
  EXPECT_EQ(state->get("k").value(), "1");
}

// Folding on over what is missing would leave a state that nobody can tell from a right one.
TEST(RedisState, WhatCameBackEmptyIsNotWrittenOver) {
  RedisServer server;
  const auto state = *RedisState::open({server.config(), {}, ""});
  const std::vector batch{put("k", "1")};
  ASSERT_TRUE(state->write(batch));
  const RedisConfig config = server.config();
  ASSERT_TRUE((*RedisConnection::open(config))->ask({"FLUSHALL"}));
  EXPECT_EQ(state->write(batch).error().code, Code::kUnavailable);
  server.stop();
  server.start();
  EXPECT_EQ(state->get("k").error().code, Code::kUnavailable) << "reads notice it after a restart";
  const auto restarted = *RedisState::open({server.config(), {}, ""});
  EXPECT_EQ(restarted->get("k").value(), std::nullopt);
  EXPECT_TRUE(restarted->write(batch));
}

TEST(RedisState, TenantsPrefixesAndOwnersAreApart) {
  RedisServer server;
  RedisConfig other = server.config();
  other.prefix = "pal*te";
  const auto a = *RedisState::open({server.config(), {"a"}, "one"});
  const auto b = *RedisState::open({server.config(), {"b"}, "two"});
  const auto c = *RedisState::open({other, {"a"}, "three"});
  for (const auto* state : {&a, &b, &c}) {
    const std::vector batch{put("k", std::to_string(state - &a))};
    ASSERT_TRUE((*state)->write(batch));
  }
  for (const auto* state : {&a, &b, &c}) {
    size_t keys = 0;
    ASSERT_TRUE((*state)->scan("", [&](auto, auto) { return ++keys > 0; }));
    EXPECT_EQ(keys, 1U);
  }
  EXPECT_EQ(RedisState::open({server.config(), {"a"}, "two"}).error().code, Code::kConflict);
  EXPECT_TRUE(RedisState::open({server.config(), {"a"}, "one"}));
}

TEST(RedisState, AFullRedisRefusesTheWholeBatch) {
  RedisServer server;
  const auto state = *RedisState::open({server.config(), {}, ""});
  const std::vector small{put("k", "1")};
  ASSERT_TRUE(state->write(small));
  const RedisConfig config = server.config();
  const auto connection = *RedisConnection::open(config);
  ASSERT_TRUE(connection->ask({"CONFIG", "SET", "maxmemory", "1"}));
  const std::vector batch{put("k", "2"), put("l", "2")};
  EXPECT_EQ(state->write(batch).error().code, Code::kNoSpace);
  EXPECT_EQ(state->get("k").value(), "1");
  ASSERT_TRUE(connection->ask({"CONFIG", "SET", "maxmemory", "0"}));
  ASSERT_TRUE(state->write(batch));
  EXPECT_EQ(state->get("l").value(), "2");
}

TEST(RedisState, NobodyThereIsSaidAtOnce) {
  RedisConfig config;
  config.address = "/nonexistent/socket";
  EXPECT_EQ(RedisState::open({config, {}, ""}).error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace palate
