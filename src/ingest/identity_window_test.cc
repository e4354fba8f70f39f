#include "ingest/identity_window.h"

#include <set>

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace palate {
namespace {

using testing::ElementsAre;

// Few different homes, so that probing wraps and collides.
Hash128 draw_identity() {
  return {{*rc::gen::inRange<uint64_t>(0, 6) + 1020, *rc::gen::inRange<uint64_t>(0, 8)}};
}

RC_GTEST_PROP(IdentityWindow, EqualsASet, ()) {
  IdentityWindow window(1'000'000);
  std::set<Hash128> plain;
  const auto steps = *rc::gen::inRange(1, 30);
  for (int s = 0; s < steps; ++s) {
    const auto ids = *rc::gen::container<std::vector<Hash128>>(rc::gen::exec(draw_identity));
    if (*rc::gen::arbitrary<bool>()) {
      window.erase(ids);
      for (const auto& id : ids) plain.erase(id);
    } else {
      const auto fresh = window.insert(ids);
      for (size_t i = 0; i < ids.size(); ++i) {
        RC_ASSERT((fresh[i] == 1) == plain.insert(ids[i]).second);
      }
    }
    RC_ASSERT(window.size() == plain.size());
  }
}

TEST(IdentityWindow, RemembersAtLeastWhatItSaysAndForgetsInTheEnd) {
  IdentityWindow window(100);
  const auto id = [](uint64_t i) { return Hash128{{i * 0x9e3779b97f4a7c15, i}}; };
  for (uint64_t i = 0; i < 1000; ++i) {
    ASSERT_THAT(window.insert(std::vector{id(i)}), ElementsAre(1));
    for (uint64_t back = 0; back <= std::min<uint64_t>(i, 99); ++back) {
      ASSERT_THAT(window.insert(std::vector{id(i - back)}), ElementsAre(0)) << i << " " << back;
    }
    ASSERT_LE(window.size(), 200u);
  }
  EXPECT_THAT(window.insert(std::vector{id(0)}), ElementsAre(1)) << "long forgotten";
}

TEST(IdentityWindow, TheAllZeroIdentityIsOneLikeAnyOther) {
  IdentityWindow window(10);
  EXPECT_THAT(window.insert(std::vector{Hash128{}, Hash128{}}), ElementsAre(1, 0));
}

}  // namespace
}  // namespace palate
