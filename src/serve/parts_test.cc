// The parts without a socket: query strings, JSON, bodies, problems, and the table of routes
// against the OpenAPI document.
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "events/json_text.h"
#include "serve/body.h"
#include "serve/embedded.h"
#include "serve/json_offset.h"
#include "serve/parameters.h"
#include "serve/problem.h"
#include "serve/recommend_request.h"
#include "serve/routes.h"

namespace palate {
namespace {

using Json = nlohmann::json;

TEST(ParametersTest, DecodesNamesAndValues) {
  const auto given = Parameters::parse("a=1&b=x%20y+z&a=%C3%A9&&flag");
  ASSERT_TRUE(given);
  EXPECT_EQ(given->all("a"), (std::vector<std::string>{"1", "é"}));
  EXPECT_EQ(*given->one("b").value(), "x y z");
  EXPECT_EQ(*given->one("flag").value(), "");
  EXPECT_FALSE(given->one("c").value().has_value());
  EXPECT_FALSE(given->one("a"));
}

TEST(ParametersTest, RefusesBrokenEscapesAndBytes) {
  for (const std::string_view bad : {"a=%", "a=%4", "a=%zz", "%f=1", "a=%ff", "a=%c3", "a=\xff"}) {
    EXPECT_FALSE(Parameters::parse(bad)) << bad;
  }
  EXPECT_TRUE(Parameters::parse("a=%41"));
}

TEST(ParametersTest, LimitsTheirNumber) {
  std::string text;
  for (size_t i = 0; i < kParametersMax; ++i) text += "a=1&";
  EXPECT_TRUE(Parameters::parse(text));
  EXPECT_FALSE(Parameters::parse(text + "a=1"));
}

TEST(ParametersTest, WholeNumbersAndBooleans) {
  const auto given = Parameters::parse("n=5&big=99999999999999999999&text=1x&yes=true&odd=yes");
  ASSERT_TRUE(given);
  EXPECT_EQ(given->whole("n", {1, 10, 3}).value(), 5);
  EXPECT_EQ(given->whole("none", {1, 10, 3}).value(), 3);
  EXPECT_FALSE(given->whole("n", {6, 10, 6}));
  EXPECT_FALSE(given->whole("big", {1, 10, 3}));
  EXPECT_FALSE(given->whole("text", {1, 10, 3}));
  EXPECT_TRUE(given->boolean("yes", false).value());
  EXPECT_FALSE(given->boolean("odd", false));
}

TEST(JsonTextTest, WritesWhatAParserReadsBack) {
  JsonText json;
  json.open('{').key("a").string("q\"\\\n\t\x01é").key("list").open('[');
  json.number(1).number(-2.5).number(0.1f).number(std::nan("")).boolean(true).close(']');
  json.key("raw").raw("{}").close('}');
  const Json read = Json::parse(json.take());
  EXPECT_EQ(read["a"], "q\"\\\n\t\x01é");
  EXPECT_EQ(read["list"].dump(), "[1,-2.5,0.1,null,true]");
  EXPECT_EQ(read["raw"], Json::object());
}

TEST(JsonTextTest, ReplacesWhatIsNotUtf8) {
  JsonText json;
  json.string("a\xff\xc3z\xe2\x82\xac\xf0");
  EXPECT_EQ(Json::parse(json.take()), "a\ufffd\ufffdz€\ufffd");
}

TEST(JsonOffsetTest, NamesTheFirstBadByte) {
  EXPECT_EQ(json_error_offset("{\"a\":1}"), std::nullopt);
  EXPECT_EQ(json_error_offset("{\"a\":x}"), 5u);
  EXPECT_EQ(json_error_offset("[1,2"), 4u);
  EXPECT_EQ(json_error_offset(""), 0u);
  EXPECT_EQ(json_error_offset("{} x"), 3u);
}

TEST(BodyTest, UnwrapsOnlyTheNamedArray) {
  EXPECT_EQ(unwrap(R"({"events":[{"a":1}]})", "events").value(), R"([{"a":1}])");
  EXPECT_EQ(unwrap(R"([1])", "events").value(), "[1]");
  EXPECT_EQ(unwrap(R"({"type":"x"})", "events").value(), R"({"type":"x"})");
  EXPECT_FALSE(unwrap(R"({"events":[1],"more":2})", "events"));
}

TEST(BodyTest, SplitsRecords) {
  const auto texts = [](std::string_view body) {
    auto records = split_records(body, "items", 3);
    std::vector<std::string> all;
    if (records) all.assign(records->texts.begin(), records->texts.end());
    return all;
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(texts(R"({"id":"a"})"), (Texts{R"({"id":"a"})"}));
  EXPECT_EQ(texts(R"([{"id":"a"},{"id":"b"}])"), (Texts{R"({"id":"a"})", R"({"id":"b"})"}));
  EXPECT_EQ(texts(R"({"items":[{"id":"a"}]})"), (Texts{R"({"id":"a"})"}));
  EXPECT_EQ(texts(R"([[[1],2],"x",3])"), (Texts{"[[1],2]", R"("x")", "3"}));
  for (const std::string_view bad :
       {"", "[]", "7", "null", "[1,2,3,4]", "[{}", "{\"items\":[]}", "{\"id\":}", "\xff"}) {
    EXPECT_FALSE(split_records(bad, "items", 3)) << bad;
  }
  EXPECT_FALSE(split_records(std::string("{}\0", 3), "items", 3)) << "bytes behind the record";
}

TEST(RecommendRequestTest, QueryAndBodyAskForTheSame) {
  const auto query = Parameters::parse(
      "user=u1&n=7&exclude=a&exclude=b&categories=c&filter=tag%3D%22d%22&include_consumed=true&"
      "language=pt-BR&"
      "context=%7B%22z%22%3A1%2C%22a%22%3A%22x%22%7D&explain=2&after=events/0@9");
  ASSERT_TRUE(query);
  const auto left = recommend_request(*query);
  const auto right = recommend_request(
      R"({"user":"u1","n":7,"exclude":["a","b"],"categories":["c"],
          "filter":"tag=\"d\"","include_consumed":true,"language":"pt-BR",
          "context":{"z":1,"a":"x"},"explain":2,"after":"events/0@9"})");
  ASSERT_TRUE(left) << left.error().message;
  ASSERT_TRUE(right) << right.error().message;
  for (const auto& request : {*left, *right}) {
    EXPECT_EQ(request.user, "u1");
    EXPECT_EQ(request.n, 7);
    EXPECT_EQ(request.exclude, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(request.categories, (std::vector<std::string>{"c"}));
    EXPECT_EQ(request.filter, "tag=\"d\"");
    EXPECT_TRUE(request.include_consumed);
    EXPECT_EQ(request.language, "pt-BR");
    EXPECT_EQ(request.context_json, R"({"a":"x","z":1})");
    EXPECT_EQ(request.explain, 2);
    EXPECT_EQ(request.after, (AsOf{{Stream::kEvents, 0, 9}}));
  }
}

TEST(RecommendRequestTest, RefusesByName) {
  const std::vector<std::pair<std::string_view, std::string_view>> bad = {
      {R"({"usr":"u"})", "did you mean 'user'"},
      {R"({"n":0})", "'n'"},
      {R"({"filter":["a"]})", "'filter'"},
      {R"({"filter":"tagg = 1"})", "did you mean 'tag'"},
      {R"({"n":1.5})", "'n'"},
      {R"({"n":1001})", "1000"},
      {R"({"user":""})", "'user'"},
      {R"({"user":null})", "'user'"},
      {R"({"user":"a\u0001"})", "control"},
      {R"({"user":"u","user":"v"})", "twice"},
      {R"({"after":"events"})", "'after'"},
      {R"({"context":{"a":[]}})", "'context'"},
      {R"({"language":"d e"})", "'language'"},
      {R"([])", "one JSON object"},
      {R"({"n":)", "byte 5"},
  };
  for (const auto& [body, word] : bad) {
    const auto request = recommend_request(body);
    ASSERT_FALSE(request) << body;
    EXPECT_EQ(request.error().code, Code::kInvalidArgument);
    EXPECT_NE(request.error().message.find(word), std::string::npos) << request.error().message;
  }
}

TEST(ProblemTest, FollowsTheTableOfCodes) {
  for (int i = 0; i <= static_cast<int>(Code::kInternal); ++i) {
    const auto& info = code_info(static_cast<Code>(i));
    const Response response = problem(Error{static_cast<Code>(i), "what"});
    EXPECT_EQ(response.status, info.http_status);
    EXPECT_EQ(response.content_type, "application/problem+json");
    const Json json = Json::parse(response.body);
    EXPECT_EQ(json["type"], info.problem_type);
    EXPECT_EQ(json["code"], info.name);
    EXPECT_EQ(json["status"], info.http_status);
    EXPECT_EQ(json["detail"], "what");
  }
  for (const HttpFault& fault : http_faults()) {
    EXPECT_EQ(Json::parse(problem(fault.status, "x").body)["code"], fault.code);
  }
}

TEST(ProblemTest, ListsABoundedNumberOfErrors) {
  const std::vector<FieldError> errors(kFieldErrorsMax + 50, {3, "ts", "bad_time", "no"});
  const Json json = Json::parse(problem("many", errors).body);
  EXPECT_EQ(json["errors"].size(), kFieldErrorsMax);
  EXPECT_EQ(json["errors"][0],
            Json({{"index", 3}, {"field", "ts"}, {"reason", "bad_time"}, {"message", "no"}}));
}

// docs/formats/errors.md holds both tables, row by row.
TEST(ProblemTest, TheDocumentedTablesAreTheCodes) {
  std::ifstream file(PALATE_SOURCE_DIR "/docs/formats/errors.md");
  std::stringstream text;
  text << file.rdbuf();
  ASSERT_FALSE(text.str().empty());
  std::set<std::string> wanted;
  for (int i = 0; i <= static_cast<int>(Code::kInternal); ++i) {
    const auto& info = code_info(static_cast<Code>(i));
    wanted.insert(fmt::format("| `{}` | {} | {} | `{}` | {} |", info.name, info.exit_code,
                              info.http_status, info.problem_type, info.sentence));
  }
  for (const HttpFault& fault : http_faults()) {
    wanted.insert(fmt::format("| `{}` | – | {} | `{}` | {} |", fault.code, fault.status,
                              fault.problem_type, fault.title));
  }
  std::set<std::string> found;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("| `")) found.insert(line);
  }
  EXPECT_EQ(found, wanted);
}

TEST(RoutesTest, AreTheDocumentsPathsAndMethods) {
  const Json document = Json::parse(openapi_document());
  std::set<std::string> documented, routed;
  for (const auto& [path, methods] : document["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) documented.insert(method + " " + path);
  }
  for (const Route& route : routes()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    routed.insert(method + " " + std::string(route.path));
  }
  EXPECT_EQ(documented, routed);
}

TEST(RoutesTest, KnowTheDocumentsQueryParameters) {
  const Json document = Json::parse(openapi_document());
  for (const Route& route : routes()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    std::set<std::string> documented;
    const Json& operation = document["paths"][std::string(route.path)][method];
    for (Json parameter : operation.value("parameters", Json::array())) {
      if (parameter.contains("$ref")) {
        parameter = document[Json::json_pointer(parameter["$ref"].get<std::string>().substr(1))];
      }
      if (parameter["in"] == "query") documented.insert(parameter["name"]);
    }
    EXPECT_EQ(documented, (std::set<std::string>(route.parameters.begin(), route.parameters.end())))
        << route.name;
  }
}

}  // namespace
}  // namespace palate
