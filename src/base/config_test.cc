#include "base/config.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace palate {
namespace {

using ::testing::HasSubstr;

struct Sample {
  int factors = 64;
  double rate = 0.5;
  bool on = true;
  std::string solver = "cg";
  std::vector<std::string> names = {"a"};
  static void fields(FieldVisitor<Sample>& field) {
    field("factors", &Sample::factors, {.min = 1, .max = 4096, .unit = "dimensions"}, "Length.");
    field("rate", &Sample::rate, {.min = 0, .max = 1}, "Rate.");
    field("on", &Sample::on, {}, "Switch.");
    field("solver", &Sample::solver, {.one_of = {"cg", "cholesky"}}, "Solver.");
    field("names", &Sample::names, {}, "Names.");
  }
};

struct ConfigTest : ::testing::Test {
  Sample sample;
  ConfigSchema schema;
  void SetUp() override { schema.add("als", sample); }
  std::string error_of(std::string_view toml) {
    auto status = schema.apply_toml(toml, "palate.toml");
    return status ? "" : status.error().message;
  }
};

TEST_F(ConfigTest, ReadsEveryType) {
  ASSERT_EQ(
      error_of(
          "[als]\nfactors = 8\nrate = 1\non = false\nsolver = 'cholesky'\nnames = ['x','y']\n"),
      "");
  EXPECT_EQ(sample.factors, 8);
  EXPECT_EQ(sample.rate, 1.0);  // a whole number is a number
  EXPECT_FALSE(sample.on);
  EXPECT_EQ(sample.solver, "cholesky");
  EXPECT_EQ(sample.names, (std::vector<std::string>{"x", "y"}));
}

TEST_F(ConfigTest, ErrorsNameFileLineKeyAndTheNearestName) {
  EXPECT_THAT(error_of("[als]\n\nfactor = 8\n"),
              ::testing::AllOf(HasSubstr("palate.toml:3"), HasSubstr("'als.factor'"),
                               HasSubstr("'als.factors'")));
  EXPECT_THAT(error_of("[als]\nfactors = 0\n"),
              ::testing::AllOf(HasSubstr(":2"), HasSubstr("between 1 and 4096")));
  EXPECT_THAT(error_of("[als]\nfactors = 'x'\n"), HasSubstr("a whole number"));
  EXPECT_THAT(error_of("[als]\nrate = nan\n"), HasSubstr("als.rate"));
  EXPECT_THAT(error_of("[als]\nsolver = 'lu'\n"), HasSubstr("one of cg, cholesky"));
  EXPECT_THAT(error_of("[als\nfactors = 1"), HasSubstr("palate.toml:1"));
  EXPECT_EQ(sample.factors, 64) << "a refused value must not be set";
}

TEST_F(ConfigTest, FlagOverEnvironmentOverFile) {
  ::setenv("PALATE_ALS_FACTORS", "16", 1);
  ASSERT_EQ(error_of("[als]\nfactors = 8\nrate = 0.25\n"), "");
  ASSERT_TRUE(schema.apply_environment());
  EXPECT_EQ(sample.factors, 16);
  ASSERT_TRUE(schema.apply_flag("als.factors", "32"));
  EXPECT_EQ(sample.factors, 32);
  EXPECT_EQ(sample.rate, 0.25);
  ::setenv("PALATE_ALS_FACTORS", "many", 1);
  auto status = schema.apply_environment();
  ::unsetenv("PALATE_ALS_FACTORS");
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("PALATE_ALS_FACTORS"));
}

TEST_F(ConfigTest, AMisspeltVariableOfASectionIsNamed) {
  ::setenv("PALATE_ALS_FACTOR", "16", 1);
  auto status = schema.apply_environment();
  ::unsetenv("PALATE_ALS_FACTOR");
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, ::testing::AllOf(HasSubstr("PALATE_ALS_FACTOR in"),
                                                       HasSubstr("'PALATE_ALS_FACTORS'")));
  ::setenv("PALATE_OTHER_FACTOR", "16", 1);  // somebody else's
  status = schema.apply_environment();
  ::unsetenv("PALATE_OTHER_FACTOR");
  EXPECT_TRUE(status);
}

TEST_F(ConfigTest, AListsFlagGivenAgainAdds) {
  ASSERT_TRUE(schema.apply_flag("als.names", "x,y"));
  EXPECT_EQ(sample.names, (std::vector<std::string>{"x", "y"})) << "the default is replaced";
  ASSERT_TRUE(schema.apply_flag("als.names", "z"));
  EXPECT_EQ(sample.names, (std::vector<std::string>{"x", "y", "z"}));
  ASSERT_TRUE(schema.apply_flag("als.factors", "8"));
  ASSERT_TRUE(schema.apply_flag("als.factors", "9"));
  EXPECT_EQ(sample.factors, 9) << "of other flags the last one counts";
}

TEST_F(ConfigTest, UnknownFlagSuggests) {
  auto status = schema.apply_flag("als.solvr", "cg");
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("did you mean 'als.solver'?"));
}

TEST_F(ConfigTest, WrittenFileReadsBackToDefaults) {
  std::string toml = schema.to_toml();
  EXPECT_THAT(toml, HasSubstr("# factors = 64"));
  EXPECT_EQ(error_of(toml), "");
  // The commented keys, uncommented, are valid TOML with the default values.
  std::string live;
  for (size_t at = 0; at < toml.size();) {
    const size_t end = toml.find('\n', at);
    std::string line = toml.substr(at, end - at);
    if (line.starts_with("# ") && line.find(" = ") != std::string::npos &&
        line.find('.') > line.find(" = ")) {
      line = line.substr(2);
    }
    live += line + "\n";
    at = end + 1;
  }
  sample.factors = 1;
  sample.solver = "cholesky";
  EXPECT_EQ(error_of(live), "");
  EXPECT_EQ(sample.factors, 64);
  EXPECT_EQ(sample.solver, "cg");
}

TEST_F(ConfigTest, TablesBelongToTheirReader) {
  std::string seen;
  schema.add_table("events.types", "Types.", "[events.types.x]\nweight = 1.0\n",
                   [&](const std::string& name, const auto& values) -> Status {
                     if (!values.contains("weight"))
                       return fail(Code::kInvalidArgument, "no weight");
                     seen = name;
                     return {};
                   });
  EXPECT_EQ(error_of("[events.types.like]\nweight = 2.0\n"), "");
  EXPECT_EQ(seen, "like");
  EXPECT_THAT(error_of("[events.types.like]\nwait = 2.0\n"), HasSubstr("no weight"));
}

}  // namespace
}  // namespace palate
