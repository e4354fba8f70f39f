// Users and items by what one types: the words, the order, and what must not wait.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "serve/direct_for_test.h"
#include "serve/http_client_for_test.h"
#include "serve/served_world_for_test.h"
#include "serve/title_search.h"

namespace palate {
namespace {

using Json = nlohmann::json;

std::string folded(std::string_view text) {
  std::string out;
  fold_case(text, out);
  return out;
}

TEST(FoldCase, MakesLettersOfMostScriptsSmall) {
  EXPECT_EQ(folded("The ÄÖÜ-Šíp, ŽLUŤ"), "the äöü-šíp, žluť");
  EXPECT_EQ(folded("ΔΩ ЁЖ"), "δω ёж");
  EXPECT_EQ(folded("×ß漢字\xc3"), "×ß漢字\xc3");
  EXPECT_EQ(folded(""), "");
}

TEST(MatchOf, WordsMustBeginWords) {
  EXPECT_EQ(match_of("the lighthouse", "the lighthouse"), 3);
  EXPECT_EQ(match_of("the lighthouse", "the li"), 2);
  EXPECT_EQ(match_of("the lighthouse", "light"), 1);
  EXPECT_EQ(match_of("the lighthouse", "light the"), 1);
  EXPECT_EQ(match_of("the lighthouse", "house"), 0);
  EXPECT_EQ(match_of("the lighthouse", "light x"), 0);
  EXPECT_EQ(match_of("a house-boat, a boathouse", "boat"), 1);
  EXPECT_EQ(match_of("the lighthouse", " "), 0);
}

class FindTest : public testing::Test {
 protected:
  Json get(std::string_view target) {
    const TestResponse response = TestClient(world_.port()).get(target);
    EXPECT_EQ(response.status, 200) << response.body;
    return Json::parse(response.body, nullptr, false);
  }
  int status(std::string_view target) { return TestClient(world_.port()).get(target).status; }
  static std::vector<std::string> names(const Json& rows, const char* field) {
    std::vector<std::string> found;
    for (const Json& row : rows) found.push_back(row[field]);
    return found;
  }
  ServedWorld world_;
};

TEST_F(FindTest, ItemsByTheirTitlesAndIds) {
  const Json exact = get("/v1/items?search=TITEL%20b7&language=de");
  EXPECT_EQ(exact["items"][0], Json({{"item", "b-7"}, {"title", "Titel b7"}, {"available", true}}));
  EXPECT_EQ(exact["items_read"], 40);
  EXPECT_EQ(names(get("/v1/items?search=a-19")["items"], "item"), std::vector<std::string>{"a-19"});
  EXPECT_EQ(get("/v1/items?search=title&n=7")["items"].size(), 7);
  EXPECT_EQ(get("/v1/items?search=nothing")["items"].size(), 0);
}

TEST_F(FindTest, ThePopularOnesOfEqualMatchesComeFirst) {
  const auto found = names(get("/v1/items?search=title%20a&n=50")["items"], "item");
  ASSERT_EQ(found.size(), 20u);
  const auto view = world_.data().state().catalogue().view();
  double last = std::numeric_limits<double>::infinity();
  for (const std::string& name : found) {
    const double popularity = world_.data().state().item_popularity(*view.find(name), now());
    EXPECT_LE(popularity, last) << name;
    last = popularity;
  }
}

TEST_F(FindTest, UsersWhoWereHereLast) {
  EXPECT_EQ(names(get("/v1/users?n=2")["users"], "user"),
            (std::vector<std::string>{"user-59", "user-58"}));
  EXPECT_EQ(names(get("/v1/users?prefix=user-1&n=3")["users"], "user"),
            (std::vector<std::string>{"user-1", "user-19", "user-18"}));
  const Json one = get("/v1/users?prefix=user-42");
  EXPECT_EQ(one["users"], Json({{{"user", "user-42"}, {"history_length", 8}}}));
  EXPECT_EQ(one["events_read"], 480);
  EXPECT_EQ(get("/v1/users?prefix=nobody")["users"].size(), 0);
}

// His events are still in the log's files for a while.
TEST_F(FindTest, NobodyWhoIsForgotten) {
  ASSERT_EQ(TestClient(world_.port()).ask("DELETE", "/v1/users/user-59").status, 200);
  EXPECT_EQ(get("/v1/users?prefix=user-59")["users"].size(), 0);
  EXPECT_EQ(get("/v1/users?n=1")["users"][0]["user"], "user-58");
}

TEST_F(FindTest, RefusesWhatCannotBeLookedFor) {
  for (const std::string_view bad :
       {"/v1/items", "/v1/items?search=", "/v1/items?search=a&n=0", "/v1/items?search=a&n=51",
        "/v1/items?search=%01", "/v1/users?n=51", "/v1/users?prefix=%7f", "/v1/users?search=a"}) {
    EXPECT_EQ(status(bad), 400) << bad;
  }
}

TEST(SearchLane, RefusesWhatWouldWaitTooLong) {
  ServedWorld world;
  ServeMetrics metrics(endpoint_names(), Tenant{});
  App app;
  app.data = &world.data();
  app.types = &world.types();
  app.metrics = &metrics;
  std::atomic<bool> held = true;
  SlowLane lane;
  lane.run([&held] { held.wait(true); });
  while (lane.waiting() > 0) std::this_thread::yield();
  app.search_lane = &lane;
  Request request;
  request.method = "GET";
  request.path = "/v1/users";
  std::vector<std::shared_ptr<DirectExchange>> waiting;
  for (int i = 0; i < 16; ++i) {
    waiting.push_back(std::make_shared<DirectExchange>());
    dispatch(app, request, Reply(waiting.back()));
  }
  EXPECT_EQ(call(app, request).status, 429);
  held = false;
  held.notify_all();
  for (const auto& exchange : waiting) EXPECT_EQ(exchange->wait().status, 200);
}

}  // namespace
}  // namespace palate
