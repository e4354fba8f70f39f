#include "features/history.h"

#include <cmath>
#include <cstring>

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace palate {
namespace {

EventTypeId type_of(const EventTypes& types, std::string_view name) { return *types.find(name); }

HistoryEntry entry(uint32_t item, float preference, uint64_t offset) {
  HistoryEntry e;
  e.item = {item};
  e.type = {0};
  e.value = NAN;
  e.preference = preference;
  e.offset = offset;
  return e;
}

bool same_bits(const HistoryEntry& a, const HistoryEntry& b) {
  const auto same = [](float x, float y) {
    return (std::isnan(x) && std::isnan(y)) || std::memcmp(&x, &y, sizeof x) == 0;
  };
  return a.item == b.item && a.type == b.type && same(a.value, b.value) &&
         same(a.preference, b.preference) && a.ts == b.ts && a.offset == b.offset;
}

bool same_bits(const UserState& a, const UserState& b) {
  return a.name == b.name && a.consumed == b.consumed && a.has_profile == b.has_profile &&
         std::equal(a.history.begin(), a.history.end(), b.history.begin(), b.history.end(),
                    [](const auto& x, const auto& y) { return same_bits(x, y); }) &&
         to_json(a.profile) == to_json(b.profile);
}

// Ascending offsets; now and then a huge step, a negative time, an odd float.
std::vector<HistoryEntry> draw_entries(const EventTypes& types) {
  const auto count = *rc::gen::inRange<size_t>(0, 60);
  std::vector<HistoryEntry> entries;
  uint64_t offset = *rc::gen::inRange<uint64_t>(0, 1'000'000'000'000);
  const bool seconds = *rc::gen::arbitrary<bool>();
  for (size_t i = 0; i < count; ++i) {
    HistoryEntry e;
    e.item = {*rc::gen::oneOf(rc::gen::inRange<uint32_t>(0, 20),
                              rc::gen::inRange<uint32_t>(0, 0xffffffff))};
    e.type = {*rc::gen::inRange<uint16_t>(0, static_cast<uint16_t>(types.size()))};
    e.value = *rc::gen::oneOf(
        rc::gen::just(static_cast<float>(NAN)), rc::gen::element(0.f, -0.f, 1.f, 5.f, 4.5f, -1.f),
        rc::gen::map(rc::gen::arbitrary<int>(), [](int v) { return static_cast<float>(v); }),
        rc::gen::just(INFINITY), rc::gen::just(1e-30f));
    e.preference = *rc::gen::oneOf(rc::gen::just(types.preference(e.type, e.value)),
                                   rc::gen::element(1.f, -1.f, 0.5f, 0.f));
    const auto us = *rc::gen::oneOf(rc::gen::arbitrary<int64_t>(),
                                    rc::gen::inRange<int64_t>(1'700'000'000, 1'800'000'000));
    e.ts.us = seconds ? us / kSecondUs * kSecondUs : us;
    e.offset = offset;
    offset += *rc::gen::oneOf(rc::gen::inRange<uint64_t>(1, 50), rc::gen::just(uint64_t{1} << 40));
    entries.push_back(e);
  }
  return entries;
}

UserState draw_state(const EventTypes& types) {
  UserState state;
  state.name = *rc::gen::arbitrary<std::string>();
  state.history = draw_entries(types);
  const auto consumed = *rc::gen::arbitrary<std::set<uint32_t>>();
  for (const uint32_t ix : consumed) {
    if (ix != ItemIx{}.value) state.consumed.push_back({ix});
  }
  state.has_profile = *rc::gen::arbitrary<bool>();
  if (state.has_profile) {
    state.profile.id = state.name;
    state.profile.region = *rc::gen::string<std::string>();
    state.profile.attributes = *rc::gen::arbitrary<std::map<std::string, std::string>>();
    state.profile.survey = *rc::gen::arbitrary<std::map<std::string, std::string>>();
    state.profile.personalization = *rc::gen::arbitrary<bool>();
  }
  return state;
}

TEST(FoldEvent, KeepsOnlyWhatSaysSomethingAboutTaste) {
  UserState state;
  fold_event(state, entry(1, 0, 0), {});
  fold_event(state, entry(ItemIx{}.value, 1, 1), {});
  EXPECT_TRUE(state.history.empty());
  EXPECT_TRUE(state.consumed.empty());
  fold_event(state, entry(2, -1, 2), {});
  EXPECT_EQ(state.history.size(), 1u);
  EXPECT_TRUE(state.consumed.empty()) << "a dislike consumes nothing";
}

TEST(FoldEvent, KeepsRatingsBetweenLikedAndDislikedAsDatasetsDo) {
  const EventTypes types = EventTypes::defaults();
  const HistoryLimits limits{.types = &types};
  HistoryEntry neutral = entry(1, 0, 0);
  neutral.type = type_of(types, "rating");
  UserState one_by_one, at_once;
  for (const float value : {3.0F, static_cast<float>(NAN)}) {  // one without a value says nothing
    neutral.value = value;
    fold_event(one_by_one, neutral, limits);
    fold_events(at_once, {&neutral, 1}, limits);
    ++neutral.offset;
  }
  neutral.type = type_of(types, "impression");
  neutral.value = 3;
  fold_event(one_by_one, neutral, limits);
  fold_events(at_once, {&neutral, 1}, limits);
  ASSERT_EQ(one_by_one.history.size(), 1u);
  EXPECT_EQ(one_by_one.history[0].value, 3);
  EXPECT_TRUE(one_by_one.consumed.empty()) << "nobody said that he liked it";
  EXPECT_TRUE(same_bits(one_by_one, at_once));
}

TEST(FoldEvent, DropsTheOldestEventsAndTheSmallestConsumed) {
  UserState state;
  const HistoryLimits limits{.events_max = 2, .consumed_max = 3};
  for (uint32_t i = 0; i < 5; ++i) fold_event(state, entry(10 - i, 1, i), limits);
  ASSERT_EQ(state.history.size(), 2u);
  EXPECT_EQ(state.history[0].offset, 3u);
  EXPECT_THAT(state.consumed, testing::ElementsAre(ItemIx{8}, ItemIx{9}, ItemIx{10}));
}

RC_GTEST_PROP(FoldEvents, AllAtOnceEqualsOneByOne, ()) {
  const EventTypes types = EventTypes::defaults();
  const HistoryLimits limits{.events_max = *rc::gen::inRange<size_t>(1, 40),
                             .consumed_max = *rc::gen::inRange<size_t>(1, 20)};
  UserState one_by_one, at_once;
  const auto before = draw_entries(types), entries = draw_entries(types);
  for (const auto& e : before) fold_event(one_by_one, e, limits);
  at_once = one_by_one;
  for (const auto& e : entries) fold_event(one_by_one, e, limits);
  fold_events(at_once, entries, limits);
  RC_ASSERT(same_bits(one_by_one, at_once));
  RC_ASSERT(at_once.history.size() <= limits.events_max);
  RC_ASSERT(at_once.consumed.size() <= limits.consumed_max);
}

RC_GTEST_PROP(UserStateCodec, KeepsEveryBit, ()) {
  const EventTypes types = EventTypes::defaults();
  const UserState state = draw_state(types);
  const auto decoded = decode_user_state(encode_user_state(state, types), types);
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(same_bits(state, *decoded));
}

RC_GTEST_PROP(UserStateCodec, RefusesEveryCutAndSurvivesEveryFlip, ()) {
  const EventTypes types = EventTypes::defaults();
  const std::string bytes = encode_user_state(draw_state(types), types);
  const auto cut = *rc::gen::inRange<size_t>(0, bytes.size());
  RC_ASSERT(!decode_user_state(std::string_view(bytes).substr(0, cut), types).has_value());
  RC_ASSERT(!decode_user_state(bytes + '\0', types).has_value());
  std::string flipped = bytes;
  const auto at = *rc::gen::inRange<size_t>(0, bytes.size());
  flipped[at] = static_cast<char>(*rc::gen::arbitrary<char>());
  // No checksum of its own (the store has one): what still decodes must at least be in order.
  const auto decoded = decode_user_state(flipped, types);
  if (!decoded) return;
  RC_ASSERT(std::is_sorted(decoded->consumed.begin(), decoded->consumed.end()));
  RC_ASSERT(std::is_sorted(decoded->history.begin(), decoded->history.end(),
                           [](const auto& a, const auto& b) { return a.offset < b.offset; }));
}

RC_GTEST_PROP(UserStateCodec, SurvivesAnyBytes, (const std::string& bytes)) {
  const EventTypes types = EventTypes::defaults();
  RC_TAG(decode_user_state(bytes, types).has_value());
  const auto decoded = decode_user_state("\x01" + bytes, types);
  if (decoded) RC_ASSERT(decoded->history.size() + decoded->consumed.size() <= bytes.size());
}

TEST(UserStateCodec, NamesWhatItCannotRead) {
  const EventTypes types = EventTypes::defaults();
  EventTypes more = types;
  ASSERT_TRUE(more.declare({"hum", Role::kPositive, 1.0, {}, {}}));
  UserState state;
  state.history.push_back(entry(1, 1, 1));
  state.history.back().type = type_of(more, "hum");
  const auto unknown_type = decode_user_state(encode_user_state(state, more), types);
  ASSERT_FALSE(unknown_type);
  EXPECT_EQ(unknown_type.error().code, Code::kUnsupportedVersion);
  EXPECT_THAT(unknown_type.error().message, testing::HasSubstr("'hum'"));
  const auto newer = decode_user_state("\x09\x01", types);
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, Code::kUnsupportedVersion);
}

TEST(UserStateCodec, IsSmall) {
  const EventTypes types = EventTypes::defaults();
  UserState state;
  state.name = "user-12345";
  for (uint32_t i = 0; i < 200; ++i) {
    HistoryEntry e = entry(i * 37 % 10'000, 0, 1'000'000 + uint64_t{i} * 30'000);
    e.type = type_of(types, "rating");
    e.value = static_cast<float>(1 + i % 5);
    e.preference = types.preference(e.type, e.value);
    e.ts.us = (1'600'000'000 + int64_t{i} * 40'000) * kSecondUs;
    fold_event(state, e, {});
  }
  const size_t bytes = encode_user_state(state, types).size();
  EXPECT_LT(bytes, 200 * 13u) << "about ten bytes an event and two a consumed item";
}

}  // namespace
}  // namespace palate
