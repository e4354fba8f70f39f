#include "events/block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace palate {
namespace {

const EventTypes& types() {
  static const EventTypes defaults = EventTypes::defaults();
  return defaults;
}

EventView event(std::string_view user, std::string_view item, int64_t ts_us) {
  EventView row;
  row.user = user;
  row.item = item;
  row.ts = row.received = TimeUs{ts_us};
  row.type = types().find("rating").value();
  return row;
}

void expect_same(const EventView& a, const EventView& b) {
  EXPECT_EQ(a.event_id, b.event_id);
  EXPECT_EQ(a.user, b.user);
  EXPECT_EQ(a.item, b.item);
}

TEST(Block, RoundTripOfOneRow) {
  const std::vector<EventView> rows{event("u1", "i1", 5)};
  const auto blocks = encode_events(rows, types());
  ASSERT_EQ(blocks.size(), 1U);
  const auto back = decode_events(blocks[0].bytes, types());
  ASSERT_TRUE(back) << back.error().message;
  ASSERT_EQ(back->rows.size(), 1U);
  expect_same(back->rows[0], rows[0]);
}

}  // namespace
}  // namespace palate
