#include "features/activity.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "base/byte_codec.h"
#include "features/history.h"

namespace palate {
namespace {

using testing::ElementsAre;

const EventTypes& types() {
  static const EventTypes kTypes = EventTypes::defaults();
  return kTypes;
}

class Shown {
 public:
  void happen(const std::string& type, uint32_t item, int64_t us = 0) {
    fold_activity(activity_,
                  {.item = {item}, .type = *types().find(type), .ts = {us}, .offset = offset_++},
                  {.types = &types(), .counters = false, .shown_max = 3});
  }
  [[nodiscard]] std::vector<uint32_t> items() const {
    std::vector<uint32_t> items;
    for (const auto& one : activity_.shown) items.push_back(one.item.value);
    return items;
  }

 private:
  UserActivity activity_;
  uint64_t offset_ = 0;
};

TEST(Activity, KeepsTheNewestImpressions) {
  Shown shown;
  for (const uint32_t item : {1, 2, 1, 4, 1}) shown.happen("impression", item);
  EXPECT_THAT(shown.items(), ElementsAre(1, 4, 1));
}

TEST(Activity, WhoActsOnAnItemWasShownItForTheFirstTimeAgain) {
  Shown shown;
  for (const uint32_t item : {1, 2, 1}) shown.happen("impression", item);
  shown.happen("click", 1);
  EXPECT_THAT(shown.items(), ElementsAre(2));
  shown.happen("impression", 1);
  EXPECT_THAT(shown.items(), ElementsAre(2, 1));
}

RC_GTEST_PROP(Activity, ImpressionsSurviveTheStore, ()) {
  UserActivity activity;
  const auto count = *rc::gen::inRange<size_t>(0, 20);
  for (size_t i = 0; i < count; ++i) {
    activity.shown.push_back(
        {{*rc::gen::inRange<uint32_t>(0, ItemIx{}.value)}, {*rc::gen::arbitrary<int64_t>()}});
  }
  ByteWriter out;
  encode_activity(out, activity, types());
  const std::string bytes = out.take();
  ByteReader in(bytes);
  const auto read = decode_activity(in, types());
  RC_ASSERT(read.has_value());
  RC_ASSERT(in.at_end());
  RC_ASSERT(*read == activity);
}

}  // namespace
}  // namespace palate
