#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "simulate/load/answer.h"
#include "simulate/load/arrivals.h"
#include "simulate/load/latency_histogram.h"
#include "simulate/load/name_range.h"
#include "simulate/load/requests.h"

namespace palate {
namespace {

RC_GTEST_PROP(LatencyHistogram, QuantilesAreWithinHalfAPercent, ()) {
  const auto exponents = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<uint8_t>>(rc::gen::inRange<uint8_t>(0, 39)));
  LatencyHistogram histogram;
  std::vector<int64_t> values;
  for (const uint8_t exponent : exponents) {
    values.push_back(*rc::gen::inRange<int64_t>(0, int64_t{1} << exponent));
    histogram.add(values.back());
  }
  std::ranges::sort(values);
  const double q = *rc::gen::inRange(0, 1001) / 1000.0;
  const auto rank =
      std::max<size_t>(1, static_cast<size_t>(std::ceil(q * static_cast<double>(values.size()))));
  const int64_t exact = values[rank - 1], given = histogram.quantile_ns(q);
  RC_ASSERT(given >= exact);
  RC_ASSERT(static_cast<double>(given - exact) <= 0.004 * static_cast<double>(exact));
  RC_ASSERT(histogram.max_ns() == values.back());
}

TEST(Arrivals, ConstantOnesDoNotDrift) {
  Arrivals arrivals(Arrivals::Kind::kConstant, 3, 1);
  for (int i = 0; i < 3'000'000; ++i) arrivals.advance();
  EXPECT_EQ(arrivals.next_ns(), 1'000'000'000'000'000);
}

TEST(Arrivals, PoissonOnesHaveTheirRateAndSpread) {
  constexpr int kCount = 100'000;
  Arrivals arrivals(Arrivals::Kind::kPoisson, 1000, 7), again(Arrivals::Kind::kPoisson, 1000, 7);
  double squares = 0;
  for (int i = 0; i < kCount; ++i) {
    const int64_t before = arrivals.next_ns();
    arrivals.advance();
    again.advance();
    const double gap_ms = static_cast<double>(arrivals.next_ns() - before) * 1e-6;
    ASSERT_GE(gap_ms, 0);
    squares += gap_ms * gap_ms;
  }
  EXPECT_EQ(arrivals.next_ns(), again.next_ns());
  EXPECT_NEAR(static_cast<double>(arrivals.next_ns()) * 1e-6 / kCount, 1, 0.02);
  EXPECT_NEAR(squares / kCount, 2, 0.1);  // of an exponential with mean 1
}

std::string name(const NameRange& range, uint32_t at) {
  std::string text;
  range.append(text, at);
  return text;
}

TEST(NameRange, CountsWithAndWithoutZeros) {
  const auto padded = NameRange::parse("u00009..u00100");
  ASSERT_TRUE(padded);
  EXPECT_EQ(padded->size(), 92u);
  EXPECT_EQ(name(*padded, 0), "u00009");
  EXPECT_EQ(name(*padded, 91), "u00100");
  const auto plain = NameRange::parse("1..53424");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->size(), 53424u);
  EXPECT_EQ(name(*plain, 6), "7");
  EXPECT_EQ(name(*plain, 53423), "53424");
}

TEST(ZipfDraw, FirstIsAskedForMost) {
  constexpr int kDraws = 100'000;
  const ZipfDraw zipf(10, 1), uniform(10, 0);
  Philox random(3);
  std::vector<int> unequal(10), equal(10);
  for (int i = 0; i < kDraws; ++i) {
    ++unequal[zipf(random)];
    ++equal[uniform(random)];
  }
  const double sum = 2.9289682;  // of 1/k up to 10
  EXPECT_NEAR(unequal[0], kDraws / sum, 1000);
  EXPECT_NEAR(unequal[9], kDraws / sum / 10, 400);
  EXPECT_NEAR(equal[0], kDraws / 10, 600);
}

TEST(RequestMaker, OneSeedAsksTheSame) {
  RequestOptions options;
  auto a = RequestMaker::make(options), b = RequestMaker::make(options);
  options.seed = 2;
  auto other = RequestMaker::make(options);
  std::string x, y, z;
  bool differs = false;
  for (int i = 0; i < 20; ++i) {
    a->write(a->draw_kind(), x);
    b->write(b->draw_kind(), y);
    other->write(other->draw_kind(), z);
    EXPECT_EQ(x, y);
    differs = differs || x != z;
  }
  EXPECT_TRUE(differs);
}

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-length: 12\r\n"
    "Connection: close\r\n\r\n";

TEST(AnswerHead, IsReadOnceItIsWhole) {
  for (size_t bytes = 0; bytes < kAnswer.size(); ++bytes) {
    const auto head = read_answer_head(kAnswer.substr(0, bytes));
    ASSERT_TRUE(head) << bytes;
    EXPECT_FALSE(*head) << bytes;
  }
  const auto head = read_answer_head(std::string(kAnswer) + "{\"a\":1}");
  ASSERT_TRUE(head && *head);
  EXPECT_EQ((*head)->status, 200);
  EXPECT_EQ((*head)->bytes, kAnswer.size());
  EXPECT_EQ((*head)->body_bytes, 12u);
  EXPECT_TRUE((*head)->close);
}

TEST(AnswerHead, RefusesWhatItCannotMeasure) {
  for (const std::string_view text :
       {"HTTP/2 200\r\n\r\n", "garbage\r\n\r\n", "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"}) {
    const auto head = read_answer_head(text);
    ASSERT_FALSE(head) << text;
    EXPECT_EQ(head.error().code, Code::kCorrupt);
  }
  EXPECT_EQ((*read_answer_head("HTTP/1.1 204 No Content\r\n\r\n"))->body_bytes, 0u);
}

RC_GTEST_PROP(AnswerHead, NeverReadsPastWhatCame, (std::string tail, uint8_t cut)) {
  std::string text(kAnswer.substr(0, cut % (kAnswer.size() + 1)));
  text += tail;
  const auto head = read_answer_head(text);
  if (head && *head) RC_ASSERT((*head)->bytes <= text.size());
}

}  // namespace
}  // namespace palate
