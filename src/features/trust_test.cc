// Who is trusted: kinds of honest people, and of attackers that nothing else gives away.
#include "features/trust.h"

#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "features/activity.h"
#include "features/history.h"
#include "math/philox.h"

namespace palate {
namespace {

constexpr int64_t kStart = 1'767'225'600 * kSecondUs;

class Account {
 public:
  explicit Account(uint64_t seed) : random_(seed, 0) {}
  Account& act(std::string_view type, uint32_t item, int64_t after_us) {
    at_us_ += after_us;
    const EventTypeId id = *types_.find(type);
    fold_activity(activity_,
                  {.item = {item},
                   .type = id,
                   .prompted = prompted_,
                   .value = NAN,
                   .preference = types_.preference(id, NAN),
                   .ts = {at_us_},
                   .offset = activity_.events},
                  {&types_, true});
    return *this;
  }
  // Gaps as people leave them: seconds within a session, hours or days between.
  int64_t human_gap() {
    const double u = (random_.below(1'000'000) + 1) / 1e6;
    const bool pause = random_.below(8) == 0;
    return static_cast<int64_t>(-std::log(u) * (pause ? 30'000.0 : 40.0) * kSecondUs) + 1;
  }
  uint32_t below(uint32_t n) { return random_.below(n); }
  double trust() const { return trust_of(activity_, rules_).with_slates / 256.0; }
  double weight(uint32_t item) const { return weight(item, rules_); }
  double weight(uint32_t item, const TrustModel& model) const {
    HistoryEntry event{};
    event.item = {item};
    event.prompted = prompted_;
    return weight_of_last(activity_, event, model).of_whole / 256.0;
  }
  double learned() const { return trust_of(activity_, built_in_trust_model()).with_slates / 256.0; }
  double learned_without_slates() const {
    return trust_of(activity_, built_in_trust_model()).without_slates / 256.0;
  }
  // What follows answers a slate, or does not.
  Account& answering(bool slates) {
    prompted_ = slates;
    return *this;
  }
  const UserActivity& activity() const { return activity_; }
  const EventTypes& types() const { return types_; }

 private:
  EventTypes types_ = EventTypes::defaults();
  Philox random_;
  UserActivity activity_;
  TrustModel rules_{.with_slates = {}, .without_slates = {}, .hand_made = true};
  int64_t at_us_ = kStart;
  bool prompted_ = false;
};

// Light and heavy users, with a favourite that they come back to.
TEST(Trust, OfAThousandHonestPeopleAtMostTenAreDoubted) {
  int doubted = 0;
  for (uint64_t person = 0; person < 1000; ++person) {
    Account account(person);
    const uint32_t acts = 3 + account.below(300), items = 10 + account.below(200);
    for (uint32_t i = 0; i < acts; ++i) {
      const uint32_t item = account.below(10) == 0 ? 0 : account.below(items);
      account.act(account.below(12) == 0 ? "dislike" : "click", item, account.human_gap());
    }
    doubted += account.trust() < 0.9 ? 1 : 0;
  }
  EXPECT_LE(doubted, 10);
}

TEST(Trust, AClickFarmOnOneItemIsNotTrusted) {
  Account account(1);
  for (int i = 0; i < 40; ++i) account.act("click", 5, account.human_gap());
  EXPECT_LT(account.trust(), 0.1);
  EXPECT_LT(account.weight(5), 0.01) << "repeats count less besides";
}

TEST(Trust, ARatingBomberIsNotTrusted) {
  Account account(1);
  for (uint32_t i = 0; i < 20; ++i) account.act("dislike", i, account.human_gap());
  EXPECT_LT(account.trust(), 0.2);
}

TEST(Trust, AScriptIsNotTrusted) {
  Account beat(1), fast(2);
  for (uint32_t i = 0; i < 50; ++i) beat.act("click", i, 60 * kSecondUs);
  EXPECT_LT(beat.trust(), 0.1);
  for (uint32_t i = 0; i < 5000; ++i) fast.act("click", i % 900, fast.human_gap() / 8000 + 1);
  EXPECT_LT(fast.trust(), 0.2);
}

TEST(Trust, TheFirstEventsOfAnAccountCountLess) {
  Account account(1);
  EXPECT_DOUBLE_EQ(account.act("click", 1, 5).weight(1), 0.25);
  EXPECT_DOUBLE_EQ(account.act("click", 2, 70 * kSecondUs).weight(2), 0.5);
  account.act("click", 3, 7 * kSecondUs).act("click", 4, 900 * kSecondUs);
  EXPECT_DOUBLE_EQ(account.weight(4), 1);
}

// A page of ten, of which some things are liked; now and then something without a page.
TEST(LearnedTrust, OfAThousandPeopleWhoAreShownThingsAtMostTenAreDoubted) {
  int doubted = 0;
  for (uint64_t person = 0; person < 1000; ++person) {
    Account account(person);
    const uint32_t visits = 1 + account.below(40), items = 50 + account.below(200);
    for (uint32_t v = 0; v < visits; ++v) {
      if (account.below(4) == 0) account.act("click", account.below(items), account.human_gap());
      account.answering(true);
      for (int slot = 0; slot < 10; ++slot) {
        account.act("impression", account.below(items), slot == 0 ? account.human_gap() : 0);
      }
      for (uint32_t likes = account.below(4); likes > 0; --likes) {
        account.act("click", account.below(items), account.human_gap());
      }
      account.answering(false);
    }
    doubted += account.learned() < 0.5 ? 1 : 0;
  }
  EXPECT_LE(doubted, 10);
}

TEST(LearnedTrust, AnAccountThatWasNeverShownWhatItLikesIsDoubtedBeforeItsTenthLike) {
  Account account(3);
  for (uint32_t i = 0; i < 9; ++i) account.act("click", i % 3 == 0 ? 7 : i, account.human_gap());
  EXPECT_LT(account.learned(), 0.5);
  EXPECT_GT(account.trust(), 0.5) << "the rules have not seen enough";
}

TEST(LearnedTrust, WhatAnAccountDoesBeforeItWasShownAnythingDoesNotCount) {
  Account account(5);
  EXPECT_EQ(account.act("click", 1, 5).weight(1, built_in_trust_model()), 0);
  account.answering(true);
  for (uint32_t i = 0; i < 40; ++i) account.act("impression", i, kSecondUs);
  for (uint32_t i = 0; i < 6; ++i) account.act("click", i, account.human_gap());
  EXPECT_GT(account.weight(5, built_in_trust_model()), 0.8);
  account.answering(false).act("click", 30, account.human_gap());
  EXPECT_GT(account.weight(30, built_in_trust_model()), 0.8);
}

TEST(LearnedTrust, AFarmIsDoubtedWhereNobodyLogsSlates) {
  Account account(4);
  for (int i = 0; i < 60; ++i) account.act("click", 5, 40 * 60 * kSecondUs);
  EXPECT_LT(account.learned_without_slates(), 0.5);
}

TEST(Activity, ARepeatedEventChangesNothing) {
  Account account(1);
  account.act("click", 1, 5);
  UserActivity again = account.activity();
  HistoryEntry entry{};
  entry.item = {1};
  entry.ts = {kStart};
  EXPECT_FALSE(fold_activity(again, entry, {&account.types(), true}));
  EXPECT_EQ(again, account.activity());
}

RC_GTEST_PROP(Activity, SurvivesTheStore, ()) {
  Account account(*rc::gen::arbitrary<uint64_t>());
  const auto acts = *rc::gen::inRange(0, 60);
  for (int i = 0; i < acts; ++i) {
    account.act(*rc::gen::element("click", "dislike", "impression", "search"), account.below(9),
                account.human_gap());
  }
  ByteWriter out;
  encode_activity(out, account.activity(), account.types());
  const std::string bytes = out.take();
  ByteReader in(bytes);
  RC_ASSERT(decode_activity(in, account.types()) == account.activity());
  RC_ASSERT(in.at_end());
  ByteReader torn(std::string_view(bytes).substr(0, bytes.size() - 1));
  RC_ASSERT(!decode_activity(torn, account.types()));
}

}  // namespace
}  // namespace palate
