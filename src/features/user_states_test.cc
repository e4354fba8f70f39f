#include "features/user_states.h"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>

#include "features/memory_parts_for_test.h"

namespace palate {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

UserId id_of(uint64_t n) {
  UserId id;
  id.words = {n * 0x9e3779b97f4a7c15U, n};
  return id;
}

UserStates::Ref state_of(std::string name, uint32_t events) {
  auto state = std::make_shared<UserState>();
  state->name = std::move(name);
  for (uint32_t i = 0; i < events; ++i) state->consumed.push_back({i});
  return state;
}

// Lets a test do something between the read of the store and what is made of it.
class SlowStore : public MemoryStore {
 public:
  Result<std::optional<std::string>> get(std::string_view key) const override {
    auto value = MemoryStore::get(key);
    if (after_read) std::exchange(after_read, nullptr)();
    return value;
  }
  mutable std::function<void()> after_read;
};

class UserStatesTest : public ::testing::Test {
 protected:
  void write_all() {
    const auto changed = states_.take_changed();
    for (const auto& user : changed) {
      store_.values[user_key(user.id)] = encode_user_state(*user.state, types_);
    }
    states_.settle(changed, true);
  }
  EventTypes types_ = EventTypes::defaults();
  SlowStore store_;
  UserStates states_{{&store_, &types_, 64 * 1024}};
};

TEST_F(UserStatesTest, NobodyIsNobody) {
  EXPECT_EQ(*states_.get(id_of(1)), nullptr);
  EXPECT_EQ(states_.bytes(), 0u);
}

TEST_F(UserStatesTest, ChangedStatesAreSeenAtOnceAndWrittenOnce) {
  states_.put(id_of(1), state_of("ann", 1), true);
  states_.put(id_of(1), state_of("ann", 2), false);
  EXPECT_THAT((*states_.get(id_of(1)))->consumed, SizeIs(2));
  EXPECT_EQ(states_.new_users(), 1u);
  const auto changed = states_.take_changed();
  ASSERT_THAT(changed, SizeIs(1));
  EXPECT_THAT(changed[0].state->consumed, SizeIs(2));
  EXPECT_THAT(states_.take_changed(), IsEmpty());
  EXPECT_GT(states_.unwritten_bytes(), 0u) << "not settled yet";
  states_.settle(changed, true);
  EXPECT_EQ(states_.unwritten_bytes(), 0u);
  EXPECT_EQ(states_.new_users(), 0u);
}

TEST_F(UserStatesTest, WhatWasNotWrittenComesAgain) {
  states_.put(id_of(1), state_of("ann", 1), true);
  states_.put(id_of(2), state_of("bob", 1), true);
  const auto changed = states_.take_changed();
  states_.put(id_of(2), state_of("bob", 2), false);
  states_.settle(changed, false);
  EXPECT_EQ(states_.new_users(), 2u);
  const auto again = states_.take_changed();
  ASSERT_THAT(again, SizeIs(2));
  EXPECT_EQ(again[0].state->consumed.size() + again[1].state->consumed.size(), 3u);
}

TEST_F(UserStatesTest, MemoryIsBoundedAndWhatIsNotWrittenStays) {
  for (uint64_t n = 0; n < 1000; ++n) states_.put(id_of(n), state_of("user", 100), true);
  EXPECT_GT(states_.bytes(), 400'000u);
  EXPECT_EQ(states_.unwritten_bytes(), states_.bytes());
  write_all();
  // Whoever comes next finds room to be made.
  for (uint64_t n = 1000; n < 2000; ++n) {
    states_.put(id_of(n), state_of("user", 100), true);
    write_all();
  }
  EXPECT_LE(states_.bytes(), 64u * 1024);
  for (uint64_t n = 0; n < 2000; ++n) ASSERT_NE(*states_.get(id_of(n)), nullptr) << n;
  EXPECT_LE(states_.bytes(), 64u * 1024);
}

// Between reading the store and keeping what was read, the user changes, is written and leaves.
TEST_F(UserStatesTest, WhatWasReadBeforeAChangeIsNotKept) {
  states_.put(id_of(1), state_of("ann", 1), true);
  write_all();
  states_.clear();
  store_.after_read = [&] {
    states_.put(id_of(1), state_of("ann", 2), false);
    write_all();
    states_.clear();
  };
  EXPECT_THAT((*states_.get(id_of(1)))->consumed, SizeIs(1)) << "what was right when it was asked";
  EXPECT_THAT((*states_.get(id_of(1)))->consumed, SizeIs(2));
}

// Readers beside the writer, who writes behind: nobody ever sees less than was there before.
TEST_F(UserStatesTest, ReadersSeeEveryUserGrow) {
  constexpr uint32_t kUsers = 300, kRounds = 60;
  std::atomic<uint32_t> round = 0;
  std::atomic<bool> wrong = false;
  const auto read = [&](uint64_t seed) {
    for (uint64_t i = seed; round < kRounds && !wrong; i += 7) {
      const uint32_t least = round;
      const auto state = *states_.get(id_of(i % kUsers));
      if (state == nullptr || state->consumed.size() < least) wrong = true;
    }
  };
  for (uint32_t u = 0; u < kUsers; ++u) states_.put(id_of(u), state_of("user", 1), true);
  std::thread one([&] { read(1); }), two([&] { read(4); });
  for (uint32_t r = 1; r <= kRounds; ++r) {
    for (uint32_t u = 0; u < kUsers; ++u) states_.put(id_of(u), state_of("user", r + 1), false);
    round = r;
    const auto changed = states_.take_changed();
    states_.settle(changed, false);  // nobody leaves, so nobody is read from the store
  }
  one.join();
  two.join();
  EXPECT_FALSE(wrong);
}

}  // namespace
}  // namespace palate
