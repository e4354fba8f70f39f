#include "serve/server.h"

#include <atomic>
#include <chrono>
#include <fstream>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "registry/registry.h"
#include "serve/http_client_for_test.h"
#include "serve/served_world_for_test.h"

namespace palate {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

Json json_of(const TestResponse& response) { return Json::parse(response.body, nullptr, false); }

std::set<std::string> items_of(const Json& slate) {
  std::set<std::string> items;
  for (const auto& item : slate["items"]) items.insert(item["item"]);
  return items;
}

class ServerTest : public testing::Test {
 protected:
  TestResponse get(std::string_view target) { return TestClient(world_.port()).get(target); }
  TestResponse post(std::string_view target, std::string_view body) {
    return TestClient(world_.port()).post(target, body);
  }
  ServedWorld world_;
};

TEST_F(ServerTest, AnEventChangesTheVeryNextAnswer) {
  TestClient client(world_.port());
  const Json before = json_of(client.get("/v1/recommendations?user=user-0&n=5&language=de"));
  ASSERT_EQ(before["personalized"], true) << before;
  ASSERT_EQ(before["items"].size(), 5);
  const std::string first = before["items"][0]["item"];
  EXPECT_EQ(first.front(), 'a');
  EXPECT_EQ(before["items"][0]["title"].get<std::string>().substr(0, 6), "Titel ");
  const auto ack = json_of(client.post(
      "/v1/events", Json{{"type", "like"}, {"user", "user-0"}, {"item", first}}.dump()));
  EXPECT_EQ(ack["accepted"], 1);
  EXPECT_EQ(ack["duplicates"], 0);
  const std::string after = ack["position"];
  const Json next = json_of(client.get("/v1/recommendations?user=user-0&n=5&after=" + after));
  EXPECT_EQ(next["fresh"], true);
  EXPECT_FALSE(items_of(next).contains(first));
  const Json again =
      json_of(client.get("/v1/recommendations?user=user-0&n=40&include_consumed=true"));
  EXPECT_TRUE(items_of(again).contains(first));
}

// What waits on one event loop at the same time is ranked together: everybody gets his own list.
TEST_F(ServerTest, ManyAtOnceGetWhatEachGetsAlone) {
  const auto target = [](int n) {
    // Different users, lengths and filters, somebody unknown, and a request that is refused.
    if (n == 7) return std::string("/v1/recommendations?user=nobody&n=3");
    if (n == 11) return std::string("/v1/recommendations?user=user-1&n=0");
    return fmt::format("/v1/recommendations?user=user-{}&n={}&exclude=a-{}", n, 1 + n % 12, n);
  };
  const auto shown = [](const TestResponse& response) {
    const Json answer = json_of(response);
    return fmt::format("{} {} {}", response.status, answer.value("personalized", false),
                       answer.contains("items") ? answer["items"].dump() : answer["code"].dump());
  };
  constexpr int kKinds = 20;
  std::vector<std::string> alone;
  TestClient client(world_.port());
  for (int n = 0; n < kKinds; ++n) alone.push_back(shown(client.get(target(n))));
  std::atomic<int> different = 0;
  std::vector<std::jthread> clients;
  for (int c = 0; c < 12; ++c) {
    clients.emplace_back([&, c] {
      TestClient own(world_.port());
      for (int i = 0; i < 60; ++i) {
        const int n = (i * 7 + c) % kKinds;
        if (shown(own.get(target(n))) != alone[static_cast<size_t>(n)]) ++different;
      }
    });
  }
  clients.clear();
  EXPECT_EQ(different, 0);
}

TEST_F(ServerTest, UnknownUsersGetWhatIsPopularAndAreTold) {
  const Json slate = json_of(get("/v1/recommendations?user=nobody"));
  EXPECT_EQ(slate["personalized"], false);
  EXPECT_EQ(slate["known_user"], false);
  EXPECT_EQ(slate["why"], "unknown user");
  EXPECT_EQ(slate["model"]["kind"], "popularity");
  EXPECT_EQ(slate["items"].size(), 10);
}

TEST_F(ServerTest, PagesHaveNoRepeatsAndOutliveOneRelease) {
  TestClient client(world_.port());
  std::set<std::string> seen;
  std::string cursor;
  size_t given = 0;
  for (int page = 0; page < 20; ++page) {
    const Json slate = json_of(client.get("/v1/recommendations?user=user-2&n=7" +
                                          (cursor.empty() ? "" : "&cursor=" + cursor)));
    ASSERT_TRUE(slate.contains("items")) << slate;
    seen.merge(items_of(slate));
    given += slate["items"].size();
    if (!slate.contains("cursor")) break;
    cursor = slate["cursor"];
    if (page != 0) continue;
    world_.train();
    for (int i = 0; i < 500 && json_of(client.get("/readyz"))["release"] != 2; ++i) {
      std::this_thread::sleep_for(milliseconds(5));
    }
    ASSERT_EQ(json_of(client.get("/readyz"))["release"], 2);
  }
  EXPECT_EQ(seen.size(), given);
  EXPECT_GT(given, 25);
}

TEST_F(ServerTest, FiltersAndReasons) {
  const Json only = json_of(get("/v1/recommendations?user=user-0&n=50&categories=history"));
  for (const auto& item : items_of(only)) EXPECT_EQ(item.front(), 'b');
  EXPECT_FALSE(only["items"].empty());
  const auto unknown = get("/v1/recommendations?categories=fantasi");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_NE(unknown.body.find("fantasy"), std::string::npos) << unknown.body;
  const Json filtered = json_of(
      post("/v1/recommendations", R"({"user":"user-0","filter":"category != \"fantasy\""})"));
  for (const auto& item : items_of(filtered)) EXPECT_EQ(item.front(), 'b');
  EXPECT_EQ(items_of(filtered).size(), 10);
  const auto nowhere = get("/v1/recommendations?filter=tag%3D");
  EXPECT_EQ(nowhere.status, 400);
  EXPECT_NE(nowhere.body.find("filter, byte 5"), std::string::npos) << nowhere.body;
  const Json reasons = json_of(
      post("/v1/recommendations", R"({"user":"user-0","n":3,"explain":2,"exclude":["a-1"]})"));
  EXPECT_EQ(reasons["items"][0]["reasons"].size(), 2);
  EXPECT_FALSE(items_of(reasons).contains("a-1"));
}

TEST_F(ServerTest, ExplainsAndRanks) {
  const Json why = json_of(get("/v1/explain?user=user-0&item=a-1&exclude=a-1&reasons=2"));
  EXPECT_FALSE(why["recommended"]);
  EXPECT_EQ(why["dropped"].back()["by"], "excluded") << why;
  EXPECT_GE(why["place"], 1);
  EXPECT_EQ(why["reasons"].size(), 2) << why;
  EXPECT_EQ(get("/v1/explain?user=user-0").status, 400);
  EXPECT_EQ(get("/v1/explain?item=nobody").status, 404);
  const Json ranked =
      json_of(post("/v1/rank", R"({"user":"user-0","items":["b-1","a-1","x"],"explain":1})"));
  EXPECT_EQ(ranked["items"].size(), 2) << ranked;
  EXPECT_EQ(ranked["items"][0]["item"], "a-1");
  EXPECT_EQ(ranked["unknown"], Json::array({"x"}));
  for (const char* bad :
       {"{}", R"({"items":[]})", R"({"items":["a"],"n":3})", "[]",
        R"({"items":["a"],"diversity":2})", R"({"items":["a"],"diversifier":"xquad"})"}) {
    EXPECT_EQ(post("/v1/rank", bad).status, 400) << bad;
  }
}

TEST_F(ServerTest, SimilarItemsComeFromTheGroup) {
  const Json slate = json_of(get("/v1/similar?item=b-3&n=5"));
  ASSERT_EQ(slate["items"].size(), 5) << slate;
  for (const auto& item : items_of(slate)) EXPECT_EQ(item.front(), 'b');
  EXPECT_EQ(get("/v1/similar?item=none").status, 404);
  EXPECT_EQ(get("/v1/similar").status, 400);
}

TEST_F(ServerTest, ItemsAndUsersAreStoredAndRead) {
  const auto ack =
      post("/v1/items", R"([{"id":"n/1","titles":"New one"},{"id":"n2","hidden":true}])");
  ASSERT_EQ(ack.status, 200) << ack.body;
  EXPECT_EQ(json_of(ack)["accepted"], 2);
  const Json item = json_of(get("/v1/items/n%2F1"));
  EXPECT_EQ(item["item"]["titles"][""], "New one");
  EXPECT_EQ(item["available"], true);
  EXPECT_EQ(json_of(get("/v1/items/n2"))["available"], false);
  ASSERT_EQ(
      post("/v1/users", R"({"users":[{"id":"user-0","region":"EU","personalization":false}]})")
          .status,
      200);
  const Json user = json_of(get("/v1/users/user-0?history=3"));
  EXPECT_EQ(user["profile"]["region"], "EU");
  EXPECT_EQ(user["history"].size(), 3);
  EXPECT_EQ(user["history"][0]["type"], "like");
  EXPECT_EQ(json_of(get("/v1/recommendations?user=user-0"))["why"], "no consent");
  EXPECT_EQ(get("/v1/users/nobody").status, 404);
  EXPECT_EQ(get("/v1/items/nothing").status, 404);
}

TEST_F(ServerTest, RepeatedEventsCountOnce) {
  const std::string body = R"({"events":[{"event_id":"e1","type":"click","user":"u","item":"a-1"},)"
                           R"({"event_id":"e1","type":"click","user":"u","item":"a-1"}]})";
  const Json first = json_of(post("/v1/events", body));
  EXPECT_EQ(first["accepted"], 1) << first;
  EXPECT_EQ(first["duplicates"], 1);
  EXPECT_EQ(json_of(post("/v1/events", body))["duplicates"], 2);
}

TEST_F(ServerTest, OneWrongEventStopsTheBatchUnlessPartial) {
  const std::string body =
      R"([{"type":"click","user":"p1","item":"a-1"},{"type":"clic","user":"p1"},{"user":"p1"},)"
      R"({"type":"click","user":"p2","item":"a-2","ts":"2999-01-01T00:00:00Z"}])";
  const auto all = post("/v1/events", body);
  EXPECT_EQ(all.status, 400);
  const Json refused = json_of(all);
  EXPECT_EQ(refused["errors"].size(), 3) << refused;
  EXPECT_EQ(refused["errors"][0]["index"], 1);
  EXPECT_EQ(refused["errors"][0]["reason"], "unknown_type");
  EXPECT_EQ(refused["errors"][1]["reason"], "missing_type");
  EXPECT_EQ(refused["errors"][2]["reason"], "time_far_future");
  EXPECT_EQ(get("/v1/users/p1").status, 404);
  const auto some = post("/v1/events?partial=true", body);
  EXPECT_EQ(some.status, 200);
  EXPECT_EQ(json_of(some)["accepted"], 1);
  EXPECT_EQ(json_of(some)["refused"], 3);
  EXPECT_EQ(json_of(some)["errors"].size(), 3);
  EXPECT_EQ(get("/v1/users/p1").status, 200);
}

TEST_F(ServerTest, BadBodiesAreRefusedWithTheByte) {
  for (const std::string path : {"/v1/events", "/v1/items", "/v1/users", "/v1/recommendations"}) {
    const auto cut = post(path, R"({"user":"u","type":)");
    EXPECT_EQ(cut.status, 400) << path;
    EXPECT_NE(cut.body.find("byte 19"), std::string::npos) << path << cut.body;
    EXPECT_EQ(post(path, "").status, 400) << path;
    EXPECT_EQ(post(path, "7").status, 400) << path;
    EXPECT_EQ(post(path, "{\"user\":\"\xff\xfe\"}").status, 400) << path;
    EXPECT_EQ(post(path, std::string(100'000, '[')).status, 400) << path;
    EXPECT_EQ(post(path, R"({"nothing":1})").status, 400) << path;
    TestClient client(world_.port());
    EXPECT_EQ(client.post(path, "a=1", "application/x-www-form-urlencoded").status, 415) << path;
  }
}

TEST_F(ServerTest, PathsMethodsAndParametersAreRefusedByName) {
  const auto lost = get("/v1/recomendations");
  EXPECT_EQ(lost.status, 404);
  EXPECT_NE(lost.body.find("/v1/recommendations"), std::string::npos) << lost.body;
  TestClient client(world_.port());
  const auto wrong = client.ask("DELETE", "/v1/items/a-1");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.header("Allow"), "GET, HEAD, OPTIONS");
  const auto options = client.ask("OPTIONS", "/v1/recommendations");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.header("Allow"), "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(client.ask("HEAD", "/v1/recommendations").status, 200);
  const auto parameter = client.get("/v1/recommendations?usr=u");
  EXPECT_EQ(parameter.status, 400);
  EXPECT_NE(parameter.body.find("'user'"), std::string::npos) << parameter.body;
  EXPECT_EQ(client.get("/v1/recommendations?n=x").status, 400);
  EXPECT_EQ(client.get("/v1/recommendations?user=%zz").status, 400);
  EXPECT_EQ(client.get("/v1/recommendations?cursor=abc").status, 400);
}

TEST_F(ServerTest, AfterAPositionThatDoesNotComeAnswersThatItIsNotFresh) {
  ServedWorld::Options options;
  options.config.after_wait_ms_max = 50;
  ServedWorld world(options);
  const auto begin = std::chrono::steady_clock::now();
  const Json slate =
      json_of(TestClient(world.port()).get("/v1/recommendations?after=events/0@999999"));
  EXPECT_EQ(slate["fresh"], false);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(45));
}

TEST_F(ServerTest, PagesForPeopleAndPrograms) {
  EXPECT_EQ(get("/healthz").body, R"({"status":"ok"})");
  EXPECT_EQ(json_of(get("/readyz"))["release"], 1);
  const Json document = json_of(get("/openapi.json"));
  const auto types = document["components"]["schemas"]["Event"]["properties"]["type"]["enum"];
  EXPECT_EQ(types.size(), world_.types().size());
  ASSERT_EQ(get("/v1/recommendations").status, 200);
  const std::string metrics = get("/metrics").body;
  for (const std::string_view line :
       {R"(palate_release{tenant="default"} 1)",
        "palate_http_requests_total{endpoint=\"recommendations_get\",status=\"200\",tenant="
        "\"default\"} 1",
        "palate_position{partition=\"0\",stream=\"events\",tenant=\"default\"} 480",
        "palate_items{tenant=\"default\"} 40", "palate_http_request_seconds_bucket"}) {
    EXPECT_NE(metrics.find(line), std::string::npos) << line << "\n" << metrics;
  }
}

TEST(ServerStartTest, IsNotReadyBeforeTheFirstRelease) {
  ServedWorld::Options options;
  options.train = false;
  ServedWorld world(options);
  TestClient client(world.port());
  const auto ready = client.get("/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_NE(ready.body.find("palate train"), std::string::npos);
  EXPECT_EQ(client.get("/v1/recommendations").status, 503);
  EXPECT_EQ(client.get("/v1/similar?item=a-1").status, 503);
  EXPECT_EQ(client.get("/healthz").status, 200);
  EXPECT_EQ(client.post("/v1/events", R"({"type":"click","user":"u","item":"a-1"})").status, 200);
  world.train();
  int status = 0;
  for (int i = 0; i < 500 && status != 200; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
    status = client.get("/readyz").status;
  }
  EXPECT_EQ(status, 200);
  EXPECT_EQ(client.get("/v1/recommendations").status, 200);
}

TEST(ServerStartTest, ASwapUnderLoadDropsNoRequest) {
  ServedWorld world;
  std::atomic<bool> stop = false;
  std::atomic<int> good = 0, bad = 0;
  std::vector<std::jthread> clients;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&world, &stop, &good, &bad, c] {
      TestClient client(world.port());
      for (int i = c; !stop; ++i) {
        const auto response = client.get(fmt::format("/v1/recommendations?user=user-{}", i % 60));
        ++(response.status == 200 ? good : bad);
      }
    });
  }
  TestClient watch(world.port());
  for (uint64_t release = 2; release <= 4; ++release) {
    world.train();
    for (int i = 0; i < 1000 && json_of(watch.get("/readyz"))["release"] != release; ++i) {
      std::this_thread::sleep_for(milliseconds(5));
    }
    EXPECT_EQ(json_of(watch.get("/readyz"))["release"], release);
  }
  stop = true;
  clients.clear();
  EXPECT_EQ(bad, 0);
  EXPECT_GT(good, 100);
}

TEST(ServerStartTest, AReleaseThatDoesNotLoadIsReportedAndTheOldServesOn) {
  ServedWorld world;
  Registry registry(world.data().root());
  TestClient client(world.port());
  // A second version of als with one byte flipped.
  world.train();
  for (int i = 0; i < 500 && json_of(client.get("/readyz"))["release"] != 2; ++i) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  const Path file = registry.artefact_path("als", "000001") / "tensors.safetensors";
  {
    std::fstream tensors(file, std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(tensors.good());
    tensors.seekg(-1, std::ios::end);
    const char byte = static_cast<char>(tensors.get() ^ 1);
    tensors.seekp(-1, std::ios::end);
    tensors.put(byte);
  }
  ASSERT_TRUE(registry.roll_back(1));
  Json ready;
  for (int i = 0; i < 500 && !ready.contains("failing"); ++i) {
    std::this_thread::sleep_for(milliseconds(10));
    ready = json_of(client.get("/readyz"));
  }
  ASSERT_TRUE(ready.contains("failing")) << ready;
  EXPECT_EQ(ready["release"], 2);
  EXPECT_EQ(ready["failing"]["release"], 1);
  EXPECT_EQ(client.get("/v1/recommendations?user=user-0").status, 200);
  EXPECT_NE(client.get("/metrics").body.find("palate_release_failing{tenant=\"default\"} 1"),
            std::string::npos);
}

TEST(ServerStartTest, StoppingKeepsWhatWasAcknowledged) {
  ServedWorld world;
  std::atomic<int> acknowledged = 0;
  std::jthread writer([&] {
    TestClient client(world.port());
    for (int i = 0;; ++i) {
      const auto response = client.post(
          "/v1/events", fmt::format(R"({{"type":"like","user":"stop-user","item":"stop-{}"}})", i));
      if (response.status != 200) return;
      ++acknowledged;
    }
  });
  while (acknowledged < 20) std::this_thread::sleep_for(milliseconds(1));
  world.stop();
  writer.join();
  const auto user = world.data().state().user("stop-user");
  ASSERT_TRUE(user && *user);
  EXPECT_GE((*user)->consumed.size(), static_cast<size_t>(acknowledged));
}

}  // namespace
}  // namespace palate
