#include "recommend/cursor.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace palate {
namespace {

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
  return cursor;
}

RC_GTEST_PROP(Cursor, ComesBackAsItWas, ()) {
  const Cursor cursor = any_cursor();
  const auto back = decode_cursor(encode_cursor(cursor));
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == cursor);
}

RC_GTEST_PROP(Cursor, AnyOtherCharacterIsNoticed, ()) {
  std::string text = encode_cursor(any_cursor());
  const auto at = *rc::gen::inRange<size_t>(0, text.size());
  const char other = *rc::gen::distinctFrom(rc::gen::arbitrary<char>(), text[at]);
  text[at] = other;
  const auto back = decode_cursor(text);
  RC_ASSERT(!back.has_value());
  RC_ASSERT(back.error().code == Code::kInvalidArgument);
}

RC_GTEST_PROP(Cursor, AnythingElseIsRefused, (const std::string& text)) {
  RC_ASSERT(!decode_cursor(text).has_value());
}

TEST(Cursor, CutOrLongerIsRefused) {
  const std::string text = encode_cursor({});
  EXPECT_EQ(text.find_first_of("+/="), std::string::npos);
  for (size_t length = 0; length < text.size(); ++length) {
    EXPECT_FALSE(decode_cursor(text.substr(0, length))) << length;
  }
  EXPECT_FALSE(decode_cursor(text + "A"));
}

}  // namespace
}  // namespace palate
