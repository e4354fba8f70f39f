// Types, validation, JSON of events, items and users.
#include <algorithm>
#include <array>
#include <bit>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "events/event_json.h"
#include "events/event_types.h"
#include "events/limits.h"
#include "events/number_text.h"
#include "events/occurrences.h"
#include "events/record_fault.h"
#include "events/validate.h"

namespace palate {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr TimeUs kNow{1'700'000'000 * kSecondUs};

std::string_view code(const Rejection& rejection) { return reason_info(rejection.reason).code; }

TEST(EventTypes, PreferenceFollowsRoleAndBorders) {
  EventTypes types = EventTypes::defaults();
  const auto of = [&](std::string_view name, double value) {
    return types.preference(types.find(name).value(), value);
  };
  EXPECT_EQ(of("click", kNoValue), 1);
  EXPECT_EQ(of("impression", kNoValue), 0);
  EXPECT_EQ(of("hide", kNoValue), -3);
  EXPECT_EQ(of("rating", 4), 2);
  EXPECT_EQ(of("rating", 3), 0);
  EXPECT_EQ(of("rating", 1), -2);
  EXPECT_EQ(types.preference(EventTypeId{}, 1), 0);
  const uint64_t before = types.fingerprint();
  ASSERT_TRUE(types.declare({"rating", Role::kPositive, 2, 4.5, 2.5}));
  EXPECT_NE(types.fingerprint(), before);
  EXPECT_EQ(of("rating", 4), 0);
}

TEST(EventTypes, RefusesBadDeclarations) {
  EventTypes types = EventTypes::defaults();
  EXPECT_FALSE(types.declare({"", Role::kNeutral, 1, {}, {}}));
  EXPECT_FALSE(types.declare({"Like It", Role::kNeutral, 1, {}, {}}));
  EXPECT_FALSE(types.declare({"x", Role::kNeutral, 0, {}, {}}));
  EXPECT_FALSE(types.declare({"x", Role::kPositive, 1, 2, 3}));
  EXPECT_EQ(types.size(), 15u);
}

TEST(EventTypes, AreReadFromTheConfig) {
  EventTypes types = EventTypes::defaults();
  ConfigSchema schema;
  types.add_to(schema);
  ASSERT_TRUE(
      schema.apply_toml("[events.types.rating]\npositive_from = 8\nnegative_below = 4\n"
                        "[events.types.tip]\nrole = \"positive\"\nweight = 7\n",
                        "palate.toml"));
  EXPECT_EQ(types.preference(types.find("rating").value(), 7), 0);
  EXPECT_EQ(types.preference(types.find("tip").value(), kNoValue), 7);
  const auto wrong = schema.apply_toml("[events.types.x]\nrole = \"good\"\n", "palate.toml");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("exposure, positive"));
}

TEST(Reasons, HaveDistinctCodesAndSentences) {
  std::vector<std::string_view> codes;
  for (size_t i = 0; i < kReasonCount; ++i) {
    const ReasonInfo& info = reason_info(static_cast<Reason>(i));
    EXPECT_FALSE(info.code.empty() || info.sentence.empty()) << i;
    codes.push_back(info.code);
  }
  std::ranges::sort(codes);
  EXPECT_EQ(std::ranges::adjacent_find(codes), codes.end());
}

struct JsonCase {
  std::string json;
  std::string_view code;
};
class EventJsonRefuses : public ::testing::TestWithParam<JsonCase> {};

TEST_P(EventJsonRefuses, WithItsReason) {
  const EventTypes types = EventTypes::defaults();
  EventJsonParser parser(types, kNow);
  EventBatch batch;
  EXPECT_EQ(code(parser.parse(GetParam().json, batch)), GetParam().code) << GetParam().json;
  EXPECT_THAT(batch.rows, SizeIs(0));
  EXPECT_EQ(code(parser.parse(R"({"type":"click","user":"u","item":"i"})", batch)), "none")
      << "the parser is good for the next one";
}

std::string with(const std::string& more) {
  return R"({"type":"click","user":"u","item":"i")" + more + "}";
}

std::string many_keys() {
  std::string keys;
  for (size_t i = 0; i <= kContextKeysMax; ++i) keys += fmt::format("{}\"k{}\":1", i ? "," : "", i);
  return R"(,"context":{)" + keys + "}";
}

INSTANTIATE_TEST_SUITE_P(
    Events, EventJsonRefuses,
    ::testing::Values(
        JsonCase{"", "bad_json"}, JsonCase{"{", "bad_json"}, JsonCase{"[]", "bad_json"},
        JsonCase{"17", "bad_json"}, JsonCase{with("") + "x", "bad_json"},
        JsonCase{R"({"user":"u","item":"i"})", "missing_type"},
        JsonCase{R"({"type":"click","item":"i"})", "missing_user"},
        JsonCase{R"({"type":"click","user":"u"})", "missing_item"},
        JsonCase{R"({"type":"klick","user":"u","item":"i"})", "unknown_type"},
        JsonCase{R"({"type":"click","user":7,"item":"i"})", "bad_field"},
        JsonCase{R"({"type":"click","user":"a\nb","item":"i"})", "control_character"},
        JsonCase{"{\"type\":\"click\",\"user\":\"\xff\",\"item\":\"i\"}", "bad_utf8"},
        JsonCase{with(R"(,"colour":1)"), "unknown_field"},
        JsonCase{with(R"(,"user":"v")"), "duplicate_field"},
        JsonCase{with(R"(,"ts":"yesterday")"), "bad_time"},
        JsonCase{with(R"(,"ts":1.5e9)"), "bad_time"},
        JsonCase{with(R"(,"ts":1767225600)"), "bad_time"},
        JsonCase{with(R"(,"ts":1767225600000)"), "bad_time"},
        JsonCase{with(R"(,"ts":-1)"), "time_negative"},
        JsonCase{with(R"(,"ts":"2100-01-01T00:00:00Z")"), "time_far_future"},
        JsonCase{with(R"(,"value":"5")"), "bad_field"},
        JsonCase{with(R"(,"value":1e999)"), "value_not_finite"},
        JsonCase{with(R"(,"slot":-1)"), "bad_slot"}, JsonCase{with(R"(,"slot":1.5)"), "bad_slot"},
        JsonCase{with(R"(,"context":[])"), "bad_context"},
        JsonCase{with(R"(,"context":{"a":{}})"), "bad_context"},
        JsonCase{with(R"(,"context":{"a":1,"a":2})"), "bad_context"},
        JsonCase{with(many_keys()), "context_too_many_keys"},
        JsonCase{with(R"(,"context":{"a":")" + std::string(kContextBytesMax, 'x') + "\"}"),
                 "context_too_large"}));

TEST(EventJson, ReadsAllFieldsAndWritesThemBack) {
  const EventTypes types = EventTypes::defaults();
  EventJsonParser parser(types, kNow);
  EventBatch batch;
  const std::string json =
      R"({"context":{"z":true,"a":"ü\"","n":1.50},"slot":3,"request_id":"r","value":2.5,)"
      R"("ts":"2023-01-01T00:00:00.000001Z","item":"i\u00e9","user":"u","type":"watch",)"
      R"("event_id":"e"})";
  ASSERT_EQ(code(parser.parse(json, batch)), "none");
  const std::string written = to_json(batch.rows.at(0), "watch");
  EXPECT_EQ(written, R"({"event_id":"e","type":"watch","user":"u","item":"ié",)"
                     R"("ts":"2023-01-01T00:00:00.000001Z","value":2.5,"request_id":"r","slot":3,)"
                     R"("context":{"a":"ü\"","n":1.5,"z":true}})");
  ASSERT_EQ(code(parser.parse(written, batch)), "none");
  EXPECT_EQ(to_json(batch.rows.at(1), "watch"), written);
}

TEST(EventJson, BodiesAreOneEventOrMany) {
  const EventTypes types = EventTypes::defaults();
  EventJsonParser parser(types, kNow);
  std::vector<size_t> refused;
  const auto note = [&](size_t index, const Rejection&) { refused.push_back(index); };
  EventBatch batch;
  ASSERT_TRUE(parser.parse_body(with(""), 10, batch, note));
  EXPECT_EQ(batch.rows.at(0).ts.us, kNow.us);
  ASSERT_TRUE(parser.parse_body("[" + with("") + ", 5, {\"user\":\"x\"}," + with("") + "]", 10,
                                batch, note));
  EXPECT_THAT(batch.rows, SizeIs(3));
  EXPECT_EQ(refused, (std::vector<size_t>{1, 2}));
  EXPECT_FALSE(parser.parse_body("[" + with(""), 10, batch, note));
  EXPECT_FALSE(parser.parse_body("[] x", 10, batch, note));
  EXPECT_FALSE(parser.parse_body("\"text\"", 10, batch, note));
  EXPECT_FALSE(parser.parse_body("[" + with("") + "," + with("") + "]", 1, batch, note));
}

RC_GTEST_PROP(ItemJson, RoundTrips, ()) {
  const auto word = rc::gen::container<std::string>(rc::gen::inRange<char>(0x20, 0x7e));
  const auto id = rc::gen::nonEmpty(word);
  ItemRecord item;
  item.id = *id;
  item.titles = *rc::gen::container<std::map<std::string, std::string>>(word, word);
  item.tags = *rc::gen::container<std::vector<std::string>>(word);
  item.released = TimeUs{*rc::gen::inRange<int64_t>(-1'000'000'000'000, kNow.us)};
  item.hidden = *rc::gen::arbitrary<bool>();
  item.vectors["text"] = *rc::gen::container<std::vector<float>>(
      rc::gen::map(rc::gen::inRange<int>(-1'000'000, 1'000'000),
                   [](int number) { return static_cast<float>(number) / 977; }));
  const auto back = item_from_json(to_json(item));
  RC_ASSERT(back.has_value());
  RC_ASSERT(to_json(*back) == to_json(item));
  RC_ASSERT(back->titles == item.titles && back->tags == item.tags);
  RC_ASSERT(back->vectors == item.vectors && back->released == item.released);
}

TEST(ItemJson, NamesWhatIsWrong) {
  EXPECT_THAT(item_from_json(R"({"id":"a","colour":1})").error().message, HasSubstr("'colour'"));
  EXPECT_THAT(item_from_json(R"({"id":"a","tags":"x"})").error().message, HasSubstr("'tags'"));
  EXPECT_THAT(item_from_json(R"({"id":"a","id":"b"})").error().message, HasSubstr("twice"));
  EXPECT_THAT(item_from_json(R"({"tags":[]})").error().message, HasSubstr("no id"));
  EXPECT_THAT(item_from_json("[1").error().message, HasSubstr("not a JSON object"));
  const auto fault = [](std::string_view json) {
    const RecordFault found = read_item(json).error();
    return fmt::format("{} {}", reason_info(found.reason).code, found.field);
  };
  EXPECT_EQ(fault(R"({"id":"a","colour":1})"), "unknown_field colour");
  EXPECT_EQ(fault(R"({"id":"a","tags":"x"})"), "bad_field tags");
  EXPECT_EQ(fault(R"({"id":"a","id":"b"})"), "duplicate_field id");
  EXPECT_EQ(fault(R"({"id":"a","released":"soon"})"), "bad_time released");
  EXPECT_EQ(fault(R"({"tags":[]})"), "missing_id id");
  EXPECT_EQ(fault(R"({"id":"a","tags":["\u0001"]})"), "control_character tags");
  EXPECT_EQ(fault("[1"), "bad_json ");
  EXPECT_EQ(item_from_json(R"({"id":"a","titles":"T"})").value().title("de"), "T");
  EXPECT_THAT(user_from_json(R"({"id":"a","personalization":"no"})").error().message,
              HasSubstr("true or false"));
}

TEST(Numbers, ShortFormsEqualTheStandardOnes) {
  EXPECT_EQ(parse_real("4.0"), 4.0);
  EXPECT_EQ(parse_real("-0.1"), -0.1);
  EXPECT_EQ(parse_real("1e3"), 1000.0);
  for (std::string_view bad : {"", "-", ".", "1.", "+1", "1 ", "0x1", "1,5"}) {
    EXPECT_FALSE(parse_whole(bad)) << bad;
  }
  for (std::string_view bad : {"", "-", ".", "+1", "1 ", "1,5", "one"}) {
    EXPECT_FALSE(parse_real(bad)) << bad;
  }
  EXPECT_EQ(parse_whole("9223372036854775807"), 9223372036854775807);
  EXPECT_FALSE(parse_whole("9223372036854775808"));
}

RC_GTEST_PROP(Numbers, DecimalsAreTheNearestDouble, ()) {
  const auto mantissa = *rc::gen::inRange<int64_t>(-999'999'999'999'999, 999'999'999'999'999);
  std::string text = std::to_string(mantissa);
  const auto at = *rc::gen::inRange<size_t>(2, text.size() + 1);
  if (at < text.size()) text.insert(at, ".");
  RC_ASSERT(parse_real(text).value() == std::strtod(text.c_str(), nullptr));
}

TEST(Numbers, TimesInEveryUnit) {
  EXPECT_EQ(parse_time("1.5", TimeUnit::kSeconds)->us, 1'500'000);
  EXPECT_EQ(parse_time("-1.5", TimeUnit::kSeconds)->us, -1'500'000);
  EXPECT_EQ(parse_time("1396314141.719", TimeUnit::kAuto)->us, 1'396'314'141'719'000);
  EXPECT_EQ(parse_time("1396314141719", TimeUnit::kAuto)->us, 1'396'314'141'719'000);
  EXPECT_EQ(parse_time("2019-11-24 00:01:03.979311+00:00", TimeUnit::kAuto)->us,
            parse_time("2019-11-24T00:01:03.979311Z", TimeUnit::kWire)->us);
  EXPECT_EQ(parse_time("1970-01-02", TimeUnit::kRfc3339)->us, kDayUs);
  EXPECT_EQ(parse_date("02-Jan-1970")->us, kDayUs);
  EXPECT_FALSE(parse_time("9223372036854775807", TimeUnit::kSeconds));
  EXPECT_FALSE(parse_date("-750"));
}

TEST(Occurrences, AreCountedWithinTheWindow) {
  OccurrenceCounter counter(4);
  const auto number = [&](std::string_view user) {
    std::vector<EventView> rows(1);
    rows[0].user = user;
    const std::vector<uint64_t> hashes = {content_hash(rows[0])};
    counter.number(rows, hashes);
    return rows[0].occurrence;
  };
  EXPECT_EQ(number("a"), 0u);
  EXPECT_EQ(number("b"), 0u);
  EXPECT_EQ(number("a"), 1u);
  EXPECT_EQ(number("a"), 2u);
  for (std::string_view other : {"c", "d", "e", "f"}) EXPECT_EQ(number(other), 0u);
  EXPECT_EQ(number("a"), 3u) << "at least as many rows as asked for are remembered";
  for (std::string_view other : {"g", "h", "i", "j"}) EXPECT_EQ(number(other), 0u);
  EXPECT_EQ(number("a"), 0u) << "and at most twice as many";
}

TEST(Occurrences, AreTheSameWhereTimeAscendsAndWhereItDoesNot) {
  std::vector<EventView> rows(400);
  std::vector<uint64_t> hashes;
  for (size_t i = 0; i < rows.size(); ++i) {
    // Times that come 1, 2, 4, … times, three users, and at the end rows of before again.
    const size_t of = i < 300 ? i : i - 300;
    rows[i].ts.us = static_cast<int64_t>(std::bit_width(of));
    rows[i].user = std::array<std::string_view, 3>{"a", "b", "c"}[of * of % 3];
    hashes.push_back(content_hash(rows[i]));
  }
  std::map<uint64_t, uint32_t> seen;
  std::vector<uint32_t> expected;
  for (const uint64_t hash : hashes) expected.push_back(seen[hash]++);
  OccurrenceCounter counter;
  for (size_t at = 0; at < rows.size(); at += 50) {
    counter.number(std::span(rows).subspan(at, 50), std::span(hashes).subspan(at, 50));
  }
  for (size_t i = 0; i < rows.size(); ++i) ASSERT_EQ(rows[i].occurrence, expected[i]) << i;
}

TEST(Arena, CopiesWriteIntoTheirOwnChunks) {
  Arena first;
  const std::string_view a = first.copy("aaaa");
  Arena second = first;
  const std::string_view b = second.copy("bbbb");
  const std::string_view c = first.copy("cccc");
  EXPECT_EQ(std::string(a) + std::string(b) + std::string(c), "aaaabbbbcccc");
}

}  // namespace
}  // namespace palate
