#include "recommend/formula.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace palate {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;

using Columns = std::vector<std::vector<float>>;

std::vector<float> values_of(std::string_view text, const Columns& columns, size_t n) {
  const auto formula = Formula::parse(text);
  EXPECT_TRUE(formula) << (formula ? "" : formula.error().message);
  std::vector<float> out(n);
  if (formula) formula->evaluate(columns, out);
  return out;
}
float value_of(std::string_view text) { return values_of(text, {}, 1).front(); }
std::string refusal(std::string_view text) {
  const auto formula = Formula::parse(text);
  EXPECT_FALSE(formula) << text;
  return formula ? "" : formula.error().message;
}

TEST(Formula, KeepsToTheUsualOrderOfOperations) {
  EXPECT_EQ(value_of("1 + 2 * 3"), 7);
  EXPECT_EQ(value_of("(1 + 2) * 3"), 9);
  EXPECT_EQ(value_of("10 - 3 - 2"), 5);
  EXPECT_EQ(value_of("16 / 4 / 2"), 2);
  EXPECT_EQ(value_of("-2 * -3 - -1"), 7);
  EXPECT_EQ(value_of("1 / 0"), 0);
}

TEST(Formula, ReadsEachNameOnce) {
  const auto formula = Formula::parse("a.b + c * a.b - feature.item_count:click:1d");
  ASSERT_TRUE(formula);
  EXPECT_THAT(formula->names(), ElementsAre("a.b", "c", "feature.item_count:click:1d"));
  std::vector<float> out(2);
  formula->evaluate(Columns{{1, 2}, {10, 20}, {5, 50}}, out);
  EXPECT_THAT(out, ElementsAre(6, -8));
}

TEST(Formula, FunctionsOfOneValue) {
  EXPECT_THAT(value_of("log1p(3)"), FloatEq(std::log(4.0f)));
  EXPECT_EQ(value_of("log1p(-3)"), 0);
  EXPECT_EQ(value_of("sqrt(9) + abs(-1)"), 4);
  EXPECT_THAT(value_of("sigmoid(0)"), FloatEq(0.5f));
  EXPECT_EQ(value_of("max(1, min(5, 3))"), 3);
  EXPECT_TRUE(std::isfinite(value_of("exp(1000)")));
}

TEST(Formula, FunctionsOfAllCandidates) {
  const Columns x{{4, 2, 8, 2}};
  EXPECT_THAT(values_of("unit(x)", x, 4), ElementsAre(FloatEq(1 / 3.0f), 0, 1, 0));
  EXPECT_THAT(values_of("rank(x)", x, 4), ElementsAre(0.625f, 0.25f, 0.875f, 0.25f));
  const auto z = values_of("z(x)", x, 4);
  EXPECT_NEAR(z[0] + z[1] + z[2] + z[3], 0, 1e-5);
  EXPECT_NEAR((z[0] * z[0] + z[1] * z[1] + z[2] * z[2] + z[3] * z[3]) / 4, 1, 1e-5);
  EXPECT_THAT(values_of("unit(x) + z(x)", {{7, 7}}, 2), ElementsAre(0.5f, 0.5f));
}

TEST(Formula, ErrorsNameTheByteAndWhatIsExpected) {
  EXPECT_THAT(refusal(""), HasSubstr("byte 1: a number, a name or '(' is expected, and it ends"));
  EXPECT_THAT(refusal("1 + "), HasSubstr("byte 5"));
  EXPECT_THAT(refusal("(1 + 2"), HasSubstr("')' is expected"));
  EXPECT_THAT(refusal("1 2"), HasSubstr("an operator or the end is expected, and '2' stands"));
  EXPECT_THAT(refusal("unti(1)"), HasSubstr("no function 'unti'; did you mean 'unit'"));
  EXPECT_THAT(refusal("min(1)"), HasSubstr("',' is expected"));
  EXPECT_THAT(refusal("1e99"), HasSubstr("a number is expected"));
  EXPECT_THAT(refusal(std::string(40, '(') + "1" + std::string(40, ')')), HasSubstr("32"));
  EXPECT_THAT(refusal(std::string(5000, '1')), HasSubstr("4096"));
  std::string sums = "1";
  for (int i = 0; i < 300; ++i) sums += "+1";
  EXPECT_THAT(refusal(sums), HasSubstr("256"));
}

RC_GTEST_PROP(Formula, SumsOfProductsAreWhatTheyAre,
              (const std::vector<std::pair<int8_t, int8_t>>& terms)) {
  RC_PRE(terms.size() < 40);
  std::string text = "0";
  float expected = 0;
  for (const auto& [a, b] : terms) {
    text += fmt::format(" + {} * {}", a, b);
    expected += static_cast<float>(a) * static_cast<float>(b);
  }
  RC_ASSERT(value_of(text) == expected);
}

}  // namespace
}  // namespace palate
