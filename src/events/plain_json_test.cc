// The fast way of JSON lines gives what the careful one gives, or nothing.
#include "events/plain_json.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "events/event_json.h"

namespace palate {
namespace {

const EventTypes& types() {
  static const EventTypes kTypes = EventTypes::defaults();
  return kTypes;
}

EventRowOptions options() {
  EventRowOptions row;
  row.types = &types();
  row.ts_unit = TimeUnit::kWire;
  row.received = TimeUs{2'000'000'000 * kSecondUs};
  return row;
}

std::string padded(std::string_view line) { return std::string(line) + std::string(64, '"'); }

// The event as JSON, "refused" or "not plain".
std::string plainly(std::string_view line, PlainEventJson& plain) {
  const std::string text = padded(line);
  EventTexts texts;
  EventBatch batch;
  if (!plain.read(std::string_view(text).substr(0, line.size()), texts, batch.arena)) {
    return "not plain";
  }
  EventView row;
  EventRowBuilder builder(options());
  if (builder.build(texts, row) != Reason::kNone) return "refused";
  return to_json(row, types().at(row.type).name);
}

std::string carefully(std::string_view line) {
  EventJsonParser parser(options());
  EventBatch batch;
  if (parser.parse(line, batch).reason != Reason::kNone) return "refused";
  return to_json(batch.rows[0], types().at(batch.rows[0].type).name);
}

TEST(PlainEventJson, ReadsWhatMostProgramsWrite) {
  PlainEventJson plain;
  for (const std::string line :
       {R"({"event_id":"e","type":"click","user":"u1","item":"i4","ts":"2026-01-01T00:00:00Z",)"
        R"("value":1.0,"context":{"device":"ios","country":"DE"}})",
        R"({"user":"u1","type":"rating","value":-2.5,"item":"ü","ts":1700000000000000})",
        R"({"type":"like","user":"u","item":"i","ts":5,"slot":3,)"
        R"("request_id":"r","context":{"a":1,"b":"x"}})",
        R"({"type":"like","user":"u","item":"i","ts":5,"context":{}})"}) {
    EXPECT_EQ(plainly(line, plain), carefully(line));
    EXPECT_NE(plainly(line, plain), "not plain") << line;
  }
}

TEST(PlainEventJson, LeavesEverythingElse) {
  PlainEventJson plain;
  for (const std::string line : {"",
                                 "{",
                                 "{}x",
                                 "[]",
                                 R"({"type": "like"})",
                                 R"({"type":"li\u006be"})",
                                 R"({"type":"like","type":"like"})",
                                 R"({"typ":"like"})",
                                 R"({"type":null})",
                                 R"({"value":01})",
                                 R"({"value":1.})",
                                 R"({"value":1e3})",
                                 R"({"value":"1"})",
                                 R"({"ts":true})",
                                 R"({"type":"like",})",
                                 R"({,"type":"like"})",
                                 R"({"type":"like"} )",
                                 R"({"context":{"b":1.5}})",
                                 R"({"context":{"a":1,"a":2}})",
                                 R"({"context":{"":1}})",
                                 R"({"context":{"a":{"b":1}}})",
                                 R"({"context":[]})",
                                 "{\"user\":\"a\tb\"}",
                                 "{\"user\":\"a\x7f\"}",
                                 R"({"user":"open)"}) {
    EXPECT_EQ(plainly(line, plain), "not plain") << line;
  }
}

// Bytes of real lines, cut and put together anew.
RC_GTEST_PROP(PlainEventJson, EqualsTheCarefulWay, ()) {
  static const std::vector<std::string> kPieces = {"{",
                                                   "}",
                                                   ",",
                                                   ":",
                                                   "\"",
                                                   "\"type\"",
                                                   "\"user\"",
                                                   "\"item\"",
                                                   "\"ts\"",
                                                   "\"value\"",
                                                   "\"context\"",
                                                   "\"slot\"",
                                                   "\"event_id\"",
                                                   "\"like\"",
                                                   "\"u1\"",
                                                   "12",
                                                   "-0",
                                                   "0.5",
                                                   "007",
                                                   "\"2026-01-01T00:00:00Z\"",
                                                   "{\"b\":\"x\",\"a\":2}",
                                                   "{\"a\":true}",
                                                   "\\n",
                                                   " ",
                                                   "null"};
  std::string line = "{";
  const auto fields = *rc::gen::inRange(0, 7);
  for (int f = 0; f < fields; ++f) {
    if (f > 0) line += ',';
    line += *rc::gen::elementOf(kPieces) + ":" + *rc::gen::elementOf(kPieces);
  }
  line += "}";
  if (*rc::gen::inRange(0, 4) == 0)
    line.insert(*rc::gen::inRange<size_t>(0, line.size()), *rc::gen::elementOf(kPieces));
  if (*rc::gen::arbitrary<bool>()) {
    line = R"({"type":"like","user":"u","item":"i","ts":5,)" + line.substr(1);
  }
  static PlainEventJson plain;
  const std::string fast = plainly(line, plain);
  if (fast != "not plain") RC_ASSERT(fast == carefully(line));
}

}  // namespace
}  // namespace palate
