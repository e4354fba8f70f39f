#include "recommend/cursor.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace palate {
namespace {

const KeyedHash kHash(KeyedHash::Key{1, 2, 3}, Tenant{});
constexpr TimeUs kNow{1'767'225'600'000'000};

HeadPlace any_place() {
  return {{*rc::gen::arbitrary<uint32_t>()},
          *rc::gen::arbitrary<float>(),
          *rc::gen::arbitrary<uint32_t>(),
          *rc::gen::arbitrary<float>(),
          *rc::gen::arbitrary<bool>()};
}

Cursor any_cursor() {
  Cursor cursor;
  cursor.source = *rc::gen::element(SourceId::kPersonal, SourceId::kPopular, SourceId::kCatalogue);
  cursor.personalized = *rc::gen::arbitrary<bool>();
  cursor.given = *rc::gen::arbitrary<uint32_t>();
  cursor.given_by_source = *rc::gen::arbitrary<uint32_t>();
  cursor.last_score = *rc::gen::arbitrary<float>();
  cursor.last_item = {*rc::gen::arbitrary<uint32_t>()};
  cursor.release = *rc::gen::arbitrary<uint64_t>();
  cursor.events_end = *rc::gen::arbitrary<uint64_t>();
  cursor.request_hash = *rc::gen::arbitrary<uint64_t>();
  cursor.history_hash = *rc::gen::arbitrary<uint64_t>();
  cursor.in_head = *rc::gen::arbitrary<bool>();
  cursor.made = kNow;
  for (auto left = *rc::gen::inRange<size_t>(0, 20); left > 0; --left) {
    cursor.head_given.push_back({*rc::gen::arbitrary<uint32_t>()});
    cursor.head_left.push_back(any_place());
  }
  return cursor;
}

RC_GTEST_PROP(Cursor, ComesBackAsItWas, ()) {
  const Cursor cursor = any_cursor();
  const auto back = decode_cursor(encode_cursor(cursor, kHash), kHash, kNow);
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == cursor);
}

RC_GTEST_PROP(Cursor, AnyOtherCharacterIsNoticed, ()) {
  std::string text = encode_cursor(any_cursor(), kHash);
  const auto at = *rc::gen::inRange<size_t>(0, text.size());
  const char other = *rc::gen::distinctFrom(rc::gen::arbitrary<char>(), text[at]);
  text[at] = other;
  const auto back = decode_cursor(text, kHash, kNow);
  RC_ASSERT(!back.has_value());
  RC_ASSERT(back.error().code == Code::kInvalidArgument);
}

RC_GTEST_PROP(Cursor, AnythingElseIsRefused, (const std::string& text)) {
  RC_ASSERT(!decode_cursor(text, kHash, kNow).has_value());
}

TEST(Cursor, CutOrLongerIsRefused) {
  const std::string text = encode_cursor({.made = kNow}, kHash);
  EXPECT_EQ(text.find_first_of("+/="), std::string::npos);
  for (size_t length = 0; length < text.size(); ++length) {
    EXPECT_FALSE(decode_cursor(text.substr(0, length), kHash, kNow)) << length;
  }
  EXPECT_FALSE(decode_cursor(text + "A", kHash, kNow));
}

TEST(Cursor, OfAnotherKeyOrTenantIsRefused) {
  const std::string text = encode_cursor({.made = kNow}, kHash);
  for (const auto& other : {KeyedHash(KeyedHash::Key{9}, Tenant{}),
                            KeyedHash(KeyedHash::Key{1, 2, 3}, Tenant{"shop"})}) {
    const auto back = decode_cursor(text, other, kNow);
    ASSERT_FALSE(back);
    EXPECT_EQ(back.error().code, Code::kInvalidArgument);
  }
}

TEST(Cursor, LivesForADay) {
  const std::string text = encode_cursor({.made = kNow}, kHash);
  EXPECT_TRUE(decode_cursor(text, kHash, {kNow.us + kCursorAgeMaxUs}));
  const auto late = decode_cursor(text, kHash, {kNow.us + kCursorAgeMaxUs + 1});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kConflict);
}

TEST(Cursor, TheLongestIsTaken) {
  Cursor cursor{.made = kNow};
  const HeadPlace widest{{0xffffffff}, 1, 0xffffffff, 1, true};
  cursor.head_left.assign(kHeadPlacesMax, widest);
  EXPECT_LE(encode_cursor(cursor, kHash).size(), kCursorBytesMax);
}

}  // namespace
}  // namespace palate
