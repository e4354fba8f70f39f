#include "events/block.h"

#include <bit>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/hash.h"
#include "events/block_bytes.h"
#include "events/block_frame.h"
#include "events/taste_columns.h"

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

// Everything a row holds, NaN as one value, for comparison and printing.
std::string show(const EventView& row) {
  return fmt::format(
      "{}|{}|{}|{}|{}|{}|{}|{:016x}|{}|{}|{}", row.event_id, row.user, row.item, row.request_id,
      row.context, row.ts.us, row.received.us,
      std::isnan(row.value) ? 0x7ff8000000000000ULL : std::bit_cast<uint64_t>(row.value), row.slot,
      row.type.value, row.occurrence);
}

std::vector<std::string> show(std::span<const EventView> rows) {
  std::vector<std::string> shown;
  for (const EventView& row : rows) shown.push_back(show(row));
  return shown;
}

// What comes back from encoding and decoding; each block is checked against the limits.
std::vector<std::string> there_and_back(std::span<const EventView> rows) {
  std::vector<std::string> shown;
  for (const EncodedBlock& block : encode_events(rows, types())) {
    if (block.count > 1) {
      EXPECT_LE(block.bytes.size(), kBlockBytesMax);
    }
    const auto batch = decode_events(block.bytes, types());
    EXPECT_TRUE(batch) << batch.error().message;
    if (!batch) return {};
    EXPECT_EQ(batch->rows.size(), block.count);
    for (const EventView& row : batch->rows) shown.push_back(show(row));
  }
  return shown;
}

// The columns for folding say the same as the rows.
std::string show_taste(EventTypeId type, int64_t ts_us, int64_t received_us, double value) {
  return fmt::format("{}|{}|{}|{:016x}", type.value, ts_us, received_us,
                     std::isnan(value) ? 0x7ff8000000000000ULL : std::bit_cast<uint64_t>(value));
}

std::string name_in(const NameColumn& column, size_t row) {
  const size_t entry = column.places.empty() ? row : static_cast<size_t>(column.places[row]);
  if (!column.is_numbers) return std::string(column.texts[entry]);
  const int64_t number = column.numbers[entry];
  return number == 0 ? "" : std::string(column.prefix) + std::to_string(number - 1);
}

void expect_taste_equals_rows(std::span<const EventView> rows) {
  TasteColumns columns;  // used again from block to block
  size_t at = 0;
  for (const EncodedBlock& block : encode_events(rows, types())) {
    RC_ASSERT(columns.load(block.bytes, types()).has_value());
    RC_ASSERT(columns.rows == block.count);
    for (size_t i = 0; i < columns.rows; ++i, ++at) {
      const EventView& row = rows[at];
      RC_ASSERT(
          show_taste(columns.type[i], columns.ts_us[i], columns.received_us[i], columns.value[i]) ==
          show_taste(row.type, row.ts.us, row.received.us, row.value));
      RC_ASSERT(name_in(columns.users, i) == row.user);
      RC_ASSERT((columns.has_items ? name_in(columns.items, i) : std::string()) == row.item);
    }
  }
}

// ---- rows of the kinds that occur ----------------------------------------------------------

struct Rows {
  std::vector<std::string> texts;  // that the rows point into
  std::vector<EventView> rows;
};

// Every column in every form, by a few numbers from the generator.
rc::Gen<std::string> any_text() {
  return rc::gen::oneOf(
      rc::gen::just(std::string()),
      rc::gen::map(rc::gen::inRange<uint64_t>(0, 1'000'000'000'000'000'000),
                   [](uint64_t n) { return std::to_string(n); }),
      rc::gen::map(rc::gen::inRange(0, 300), [](int n) { return "u" + std::to_string(n); }),
      rc::gen::element<std::string>("007", "u", "0", "u0", "u00", "99999999999999999999",
                                    std::string(300, 'p') + "1", "\xc3\xa9", "{\"a\":1}"),
      rc::gen::container<std::string>(rc::gen::arbitrary<char>()));
}

rc::Gen<double> any_value() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return rc::gen::oneOf(
      rc::gen::map(rc::gen::inRange(-5, 6), [](int n) { return static_cast<double>(n); }),
      rc::gen::map(rc::gen::inRange(0, 2'000'000), [](int n) { return n / 1000.0; }),
      rc::gen::element(kNoValue, 0.0, -0.0, 0.1 + 0.2, 1e300, -kInfinity, kInfinity, 5e-324,
                       9007199254740993.0, 999999999999999.0, 1e15));
}

rc::Gen<int64_t> any_time() {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  return rc::gen::oneOf(
      rc::gen::map(rc::gen::inRange<int64_t>(0, 4'000'000'000),
                   [](int64_t s) { return s * kSecondUs; }),
      rc::gen::map(rc::gen::inRange<int64_t>(0, 4'000'000'000), [](int64_t s) { return s * 1000; }),
      rc::gen::inRange<int64_t>(-100, 100), rc::gen::element(kMin, kMax, kMin + 1, int64_t{0}));
}

// A column whose rows all come from one short list: what real blocks are like.
template <class T>
std::vector<T> few(const rc::Gen<T>& gen) {
  return *rc::gen::nonEmpty(rc::gen::container<std::vector<T>>(gen));
}

Rows any_rows() {
  Rows out;
  const auto users = few(any_text()), items = few(any_text()), ids = few(any_text());
  const auto requests = few(any_text()), contexts = few(any_text());
  const auto values = few(any_value());
  const auto times = few(any_time());
  const auto size = *rc::gen::inRange<size_t>(1, 400);
  const auto seed = *rc::gen::arbitrary<uint64_t>();
  for (const auto* list : {&users, &items, &ids, &requests, &contexts}) {
    out.texts.insert(out.texts.end(), list->begin(), list->end());
  }
  for (size_t i = 0; i < size; ++i) {
    // XXH3 as a counter-based generator: row i does not depend on the others.
    const auto draw = [&](uint64_t column, size_t n) {
      const uint64_t key[2] = {i, column};
      return hash64({reinterpret_cast<const char*>(key), sizeof key}, seed) % n;
    };
    size_t base = 0;
    const auto text = [&](uint64_t column, size_t n) {
      base += n;
      return std::string_view(out.texts[base - n + draw(column, n)]);
    };
    EventView row;
    row.user = text(0, users.size());
    row.item = text(1, items.size());
    row.event_id = text(2, ids.size());
    row.request_id = text(3, requests.size());
    row.context = text(4, contexts.size());
    row.ts.us = times[draw(5, times.size())];
    row.received.us = draw(6, 2) == 0 ? row.ts.us : times[draw(7, times.size())];
    row.value = values[draw(8, values.size())];
    row.slot = static_cast<int32_t>(draw(9, 20)) - 1;
    row.type.value = static_cast<uint16_t>(draw(10, types().size()));
    row.occurrence = static_cast<uint32_t>(draw(11, 3) == 0 ? 0xffffffff : draw(12, 4));
    out.rows.push_back(row);
  }
  return out;
}

RC_GTEST_PROP(EventBlock, TheColumnsForFoldingSayTheSame, ()) {
  const Rows rows = any_rows();
  expect_taste_equals_rows(rows.rows);
}

RC_GTEST_PROP(EventBlock, AnyRowsComeBackAsTheyWere, ()) {
  const Rows made = any_rows();
  RC_ASSERT(there_and_back(made.rows) == show(made.rows));
}

TEST(EventBlock, NoRowsGiveNoBlocks) { EXPECT_TRUE(encode_events({}, types()).empty()); }

TEST(EventBlock, RatingsTakeFewBytesAndFillTheirBlocks) {
  std::vector<std::string> names;
  for (int i = 0; i < 60'000; ++i) names.push_back(std::to_string(1 + i * 7919 % 53'424));
  std::vector<EventView> rows;
  for (size_t i = 0; i < names.size(); ++i) {
    rows.push_back(event(names[i], names[(i * 31) % names.size()],
                         1'400'000'000'000'000 + static_cast<int64_t>(i * 16) * kSecondUs));
    rows.back().value = static_cast<double>(1 + i % 5);
  }
  const auto blocks = encode_events(rows, types());
  size_t bytes = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    bytes += blocks[i].bytes.size();
    if (i + 1 < blocks.size()) {
      EXPECT_GE(blocks[i].bytes.size(), kBlockBytesMax / 2);
    }
  }
  EXPECT_LE(bytes, rows.size() * 6);
  EXPECT_EQ(there_and_back(rows), show(rows));
}

TEST(EventBlock, ManyEqualRowsAreCutByCount) {
  const std::vector<EventView> rows(200'000, event("u", "i", 5));
  const auto blocks = encode_events(rows, types());
  ASSERT_EQ(blocks.size(), 4U);
  EXPECT_EQ(blocks[0].count, kBlockCountMax);
  EXPECT_EQ(there_and_back(rows), show(rows));
}

TEST(EventBlock, RowsOfVeryDifferentLengthKeepTheLimit) {
  const std::string long_context(4096, 'c');
  std::vector<std::string> contexts;
  for (int i = 0; i < 3000; ++i) {
    contexts.push_back(i % 1000 < 900 ? "" : std::to_string(i) + long_context);
  }
  std::vector<EventView> rows;
  for (const std::string& context : contexts) {
    rows.push_back(event("user", "item", 1));
    rows.back().context = context;
  }
  EXPECT_EQ(there_and_back(rows), show(rows));
}

TEST(EventBlock, ARowLongerThanABlockIsOneBlock) {
  std::string noise;
  for (uint64_t i = 0; noise.size() < 200'000; ++i) noise += fmt::format("{:x}", hash64("n", i));
  std::vector<EventView> rows(3, event("u", "i", 1));
  rows[1].context = noise;
  const auto blocks = encode_events(rows, types());
  ASSERT_EQ(blocks.size(), 3U);
  EXPECT_EQ(there_and_back(rows), show(rows));
}

TEST(EventBlock, SameRowsGiveTheSameBytes) {
  const std::vector<EventView> rows{event("u1", "i1", 5), event("u2", "", 6)};
  EXPECT_EQ(encode_events(rows, types())[0].bytes, encode_events(rows, types())[0].bytes);
}

TEST(EventBlock, ATypeThatIsNotKnownIsInvalid) {
  EventTypes more = EventTypes::defaults();
  ASSERT_TRUE(more.declare({.name = "applause",
                            .role = Role::kPositive,
                            .weight = 1,
                            .positive_from = {},
                            .negative_below = {}}));
  std::vector<EventView> rows{event("u", "i", 1), event("u", "i", 2)};
  rows[0].type = more.find("applause").value();
  const auto blocks = encode_events(rows, more);
  const auto back = decode_events(blocks[0].bytes, types()).value();
  EXPECT_EQ(back.rows[0].type, EventTypeId{});
  EXPECT_EQ(back.rows[1].type, rows[1].type);
}

// ---- damage --------------------------------------------------------------------------------

std::string sample_block() {
  std::vector<EventView> rows;
  for (int i = 0; i < 40; ++i) {
    rows.push_back(event(i % 2 == 0 ? "anna" : "bob", "item-7", i * kSecondUs));
    rows.back().value = i % 3 == 0 ? kNoValue : i / 10.0;
    rows.back().context = "{\"country\":\"FR\"}";
  }
  return encode_events(rows, types())[0].bytes;
}

TEST(EventBlock, EveryFlippedBitIsCorrupt) {
  const std::string good = sample_block();
  ASSERT_TRUE(decode_events(good, types()));
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    const auto back = decode_events(bad, types());
    ASSERT_FALSE(back) << "bit " << bit;
    ASSERT_EQ(back.error().code, Code::kCorrupt) << "bit " << bit;
  }
}

TEST(EventBlock, EveryTruncationAndAnyTailIsCorrupt) {
  const std::string good = sample_block();
  for (size_t size = 0; size < good.size(); ++size) {
    const auto back = decode_events(std::string_view(good).substr(0, size), types());
    ASSERT_FALSE(back) << size;
    ASSERT_EQ(back.error().code, Code::kCorrupt) << size;
  }
  EXPECT_FALSE(decode_events(good + '\0', types()));
}

TEST(EventBlock, AnotherVersionIsNamed) {
  std::string block = sample_block();
  block[4] = 9;
  const uint64_t checksum = hash64(std::string_view(block).substr(0, block.size() - 8));
  std::memcpy(block.data() + block.size() - 8, &checksum, 8);
  const auto back = decode_events(block, types());
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, Code::kUnsupportedVersion);
  EXPECT_THAT(back.error().message, ::testing::HasSubstr("format 9"));
}

TEST(EventBlock, AnotherKindIsRefused) {
  EXPECT_FALSE(decode_items(sample_block()));
  EXPECT_FALSE(decode_users(sample_block()));
}

// Bodies that are wrong under a right checksum: what a bug or an attacker could write.
RC_GTEST_PROP(EventBlock, AnyBodyIsReadWithoutHarm, (std::string body, uint16_t count)) {
  const auto sealed = [&](std::string_view bytes) {
    return seal_block(Stream::kEvents, uint32_t{count} + 1, bytes, BlockCompression::kNone);
  };
  static_cast<void>(decode_events(sealed(body), types()));
  // Nearly right ones reach further into the decoder.
  const std::string good = *open_block(Stream::kEvents, sample_block()).value().body;
  std::string bad = good;
  for (const char byte : body) {
    bad[hash64(body, bad.size() + static_cast<uint8_t>(byte)) % bad.size()] = byte;
  }
  static_cast<void>(
      decode_events(seal_block(Stream::kEvents, 40, bad, BlockCompression::kNone), types()));
  RC_SUCCEED();
}

TEST(EventBlock, ABodyWithSomethingBehindItsColumnsIsCorrupt) {
  const std::string good = *open_block(Stream::kEvents, sample_block()).value().body;
  const auto sealed = [](const std::string& body) {
    return seal_block(Stream::kEvents, 40, body, BlockCompression::kNone);
  };
  ASSERT_TRUE(decode_events(sealed(good), types()));
  EXPECT_FALSE(decode_events(sealed(good + '\0'), types()));
  EXPECT_FALSE(decode_events(sealed(good.substr(0, good.size() - 1)), types()));
}

// ---- items and users -----------------------------------------------------------------------

TEST(RecordBlock, ItemsAndUsersComeBack) {
  std::vector<ItemRecord> items(3000);
  std::vector<UserRecord> users(3000);
  for (size_t i = 0; i < items.size(); ++i) {
    items[i].id = "item" + std::to_string(i);
    items[i].titles["en"] = fmt::format("A title {:x}", hash64("title", i));
    users[i].id = "user" + std::to_string(i);
    users[i].region = "FR";
  }
  std::vector<std::string> seen;
  for (const EncodedBlock& block : encode_items(items)) {
    EXPECT_LE(block.bytes.size(), kBlockBytesMax);
    const std::vector<ItemRecord> back = decode_items(block.bytes).value();
    for (const ItemRecord& item : back) seen.push_back(to_json(item));
  }
  for (const EncodedBlock& block : encode_users(users)) {
    EXPECT_LE(block.bytes.size(), kBlockBytesMax);
    const std::vector<UserRecord> back = decode_users(block.bytes).value();
    for (const UserRecord& user : back) seen.push_back(to_json(user));
  }
  std::vector<std::string> expected;
  for (const ItemRecord& item : items) expected.push_back(to_json(item));
  for (const UserRecord& user : users) expected.push_back(to_json(user));
  EXPECT_EQ(seen, expected);
  EXPECT_TRUE(encode_items({}).empty());
}

TEST(RecordBlock, EveryFlippedBitIsCorrupt) {
  std::vector<ItemRecord> items(2);
  items[0].id = "a";
  items[1].id = "b";
  const std::string good = encode_items(items)[0].bytes;
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    const auto back = decode_items(bad);
    ASSERT_FALSE(back) << "bit " << bit;
    ASSERT_EQ(back.error().code, Code::kCorrupt) << "bit " << bit;
  }
}

TEST(RecordBlock, ARecordThatIsNoRecordIsCorrupt) {
  for (std::string_view json : {"{}", "[]", "not json", "{\"id\":\"a\",\"colour\":1}"}) {
    std::string body;
    put_varint(zigzag(static_cast<int64_t>(json.size())), body);
    body.push_back(0);  // one length, in no bits over the smallest
    body.append(json);
    const auto back = decode_items(seal_block(Stream::kItems, 1, body, BlockCompression::kNone));
    ASSERT_FALSE(back) << json;
    EXPECT_EQ(back.error().code, Code::kCorrupt) << json;
  }
}

// ---- identity ------------------------------------------------------------------------------

TEST(EventIdentity, EveryPartOfTheContentCounts) {
  EventView base = event("u", "i", 1);
  base.value = 3;
  std::vector<EventView> rows(10, base);
  rows[1].user = "v";
  rows[2].item = "j";
  rows[3].ts.us = 2;
  rows[4].value = 4;
  rows[5].request_id = "r";
  rows[6].slot = 0;
  rows[7].context = "{}";
  rows[8].occurrence = 1;
  rows[9].user = "ui";  // the border between two texts counts
  rows[9].item = "";
  std::set<Hash128> seen{event_identity(base, "click")};
  for (const EventView& row : rows) seen.insert(event_identity(row, "rating"));
  EXPECT_EQ(seen.size(), rows.size() + 1);
}

TEST(EventIdentity, TheTimeOfReceivingDoesNotCount) {
  EventView a = event("u", "i", 1);
  EventView b = a;
  b.received.us = 99;
  EXPECT_EQ(event_identity(a, "rating"), event_identity(b, "rating"));
  a.value = kNoValue;
  b.value = -std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(event_identity(a, "rating"), event_identity(b, "rating"));
}

TEST(EventIdentity, TheClientsIdIsAllThatCountsWhenGiven) {
  EventView a = event("u", "i", 1);
  a.event_id = "e1";
  EventView b = event("v", "j", 2);
  b.event_id = "e1";
  EXPECT_EQ(event_identity(a, "rating"), event_identity(b, "click"));
  b.event_id = "e2";
  EXPECT_NE(event_identity(a, "rating"), event_identity(b, "rating"));
}

TEST(EventIdentity, LongTextsHashLikeShortOnes) {
  // The border between buffer and stream must not show: each length gives its own hash, and each of
  // the texts counts on either side of it.
  std::set<Hash128> seen;
  size_t made = 0;
  for (size_t size = 380; size < 560; ++size) {
    const std::string text(size, 'c');
    EventView row = event("u", "i", 1);
    row.context = text;
    seen.insert(event_identity(row, "rating"));
    row.user = "v";
    seen.insert(event_identity(row, "rating"));
    row.ts.us = 2;
    seen.insert(event_identity(row, "rating"));
    made += 3;
  }
  EXPECT_EQ(seen.size(), made);
}

TEST(EventIdentity, IsStableAcrossVersions) {
  // Identities are in the state store: these values must never change.
  EventView row = event("alice", "book", 1'700'000'000'000'000);
  row.value = 4.5;
  EXPECT_EQ(to_hex(event_identity(row, "rating")), "eba2fb58a990a7f101ea8f2fa05823db");
  row.event_id = "e1";
  EXPECT_EQ(to_hex(event_identity(row, "rating")), "d008b3df91bd87feb798c184895af7a8");
}

}  // namespace
}  // namespace palate
