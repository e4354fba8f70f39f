#include "serve/web_page.h"

#include <gtest/gtest.h>

#include "serve/http_client_for_test.h"
#include "serve/served_world_for_test.h"

namespace palate {
namespace {

TEST(AcceptsGzip, ReadsTheHeader) {
  for (const std::string_view yes :
       {"gzip", "deflate, gzip, br", "br;q=1.0,gzip;q=0.5", "*", "x, gzip ;q=1"}) {
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  }
  for (const std::string_view no : {"", "br", "gzip;q=0", "gzip; q=0.0 ,br", "xgzip", ",,"}) {
    EXPECT_FALSE(accepts_gzip(no)) << no;
  }
}

TEST(WebPage, NamesWhatIsNotThere) {
  const auto page = web_page("assets/none.js", "gzip");
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, Code::kNotFound);
}

// With and without its pages the program answers a person; tests/system/test_explorer.py sees them.
TEST(WebPage, TheHomePageIsThereOrSaysHowToGetIt) {
  ServedWorld world({.config = {}, .train = false});
  const TestResponse home = TestClient(world.port()).get("/");
  EXPECT_EQ(home.status, 200);
  EXPECT_EQ(home.header("Content-Type"), "text/html; charset=utf-8");
  const std::string_view expected = web_files().empty() ? "./dev web" : "<div id=\"root\">";
  EXPECT_NE(home.body.find(expected), std::string::npos) << home.body;
  EXPECT_EQ(TestClient(world.port()).get("/assets/none.js").status, 404);
}

}  // namespace
}  // namespace palate
