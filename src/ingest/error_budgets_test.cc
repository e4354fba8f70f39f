#include "ingest/error_budgets.h"

#include <gtest/gtest.h>

namespace palate {
namespace {

TEST(ErrorBudgets, ASourceBeyondItsBudgetIsSetAsideUntilItIsBetter) {
  ErrorBudgets budgets(0.5);
  EXPECT_FALSE(budgets.take("app", 900, 900)) << "too few to judge";
  const auto beyond = budgets.take("app", 100, 100);
  ASSERT_TRUE(beyond);
  EXPECT_EQ(beyond->share, 1);
  EXPECT_FALSE(budgets.take("web", 5000, 100)) << "another source has its own";
  int batches = 0;
  while (budgets.take("app", 100, 0)) ++batches;
  EXPECT_EQ(batches, 9) << "as many good ones as bad ones later";
}

TEST(ErrorBudgets, OldErrorsAreForgotten) {
  ErrorBudgets budgets(0.1);
  budgets.take("app", 10'000, 10'000);
  for (int i = 0; i < 600; ++i) budgets.take("app", 100, 0);
  EXPECT_FALSE(budgets.take("app", 100, 50));
}

TEST(ErrorBudgets, TooManySourcesShareOne) {
  ErrorBudgets budgets(0.5);
  for (size_t i = 0; i < ErrorBudgets::kSourcesMax; ++i) budgets.take(std::to_string(i), 1, 0);
  EXPECT_FALSE(budgets.take("one", 600, 600));
  EXPECT_TRUE(budgets.take("more", 600, 600));
}

TEST(ErrorBudgets, Names) {
  EXPECT_TRUE(is_source_name("app-ios_1.2"));
  EXPECT_FALSE(is_source_name(""));
  EXPECT_FALSE(is_source_name("a b"));
  EXPECT_FALSE(is_source_name(std::string(65, 'a')));
}

}  // namespace
}  // namespace palate
