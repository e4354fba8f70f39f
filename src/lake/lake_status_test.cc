#include "lake/lake_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lake/lake_for_test.h"

namespace palate::lake {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LakeStatusTest : public LakeTest {};

TEST_F(LakeStatusTest, VerifyFindsWhatIsMissingFlippedOrForeign) {
  log_events({{"ann", "a", 0}, {"ann", "b", 1}});
  compacted();
  expect_whole();
  const auto manifest = lake_.current()->value();
  const Path first = root_ / manifest.files[0].path, second = root_ / manifest.files[1].path;
  const std::string original = *read_file(first);
  const auto finding = [&] {
    const auto found = verify_lake({lake_, log_, types_, hash_}, pool_, {});
    return found && !found->findings.empty() ? found->findings.front() : std::string("whole");
  };
  std::string flipped = original;
  flipped[flipped.size() / 2] ^= 4;
  ASSERT_TRUE(write_file_atomically(first, flipped));
  EXPECT_THAT(finding(), HasSubstr("checksum"));
  ASSERT_TRUE(write_file_atomically(first, *read_file(second)));
  EXPECT_NE(finding(), "whole");
  ASSERT_TRUE(write_file_atomically(first, original.substr(0, 100)));
  EXPECT_THAT(finding(), HasSubstr("100 bytes"));
  ASSERT_TRUE(remove_file(first));
  EXPECT_THAT(finding(), HasSubstr("missing"));
  ASSERT_TRUE(write_file_atomically(first, original));
  EXPECT_EQ(finding(), "whole");
}

// Another log whose oldest part is gone, and before whose first reading something happens.
class ShortenedLog : public EventLog {
 public:
  ShortenedLog(const EventLog& of, uint64_t gone) : of_(of), gone_(gone) {}
  Result<std::vector<Position>> append(std::span<const Append> /*blocks*/) override {
    return fail(Code::kPermission, "it is read only");
  }
  Status read(Position from, const std::function<Status(const Block&)>& visit) const override {
    if (before_reading) std::exchange(before_reading, nullptr)();
    return of_.read(from, [&](const Block& block) -> Status {
      return block.first.offset < gone_ ? Status() : visit(block);
    });
  }
  [[nodiscard]] Result<AsOf> ends() const override { return of_.ends(); }
  [[nodiscard]] Result<AsOf> begins() const override {
    return gone_ > 0 ? AsOf{{Stream::kEvents, 0, gone_}} : AsOf();
  }
  mutable std::function<void()> before_reading;

 private:
  const EventLog& of_;
  const uint64_t gone_;
};

TEST_F(LakeStatusTest, WhatTheLogHasDroppedIsCounted) {
  log_events({{"ann", "a", 0}, {"ann", "b", 0}, {"ann", "c", 0}, {"ann", "d", 0}}, 0, 2);
  const ShortenedLog shortened(log_, 2);
  ASSERT_TRUE(compact(source_of(shortened, types_, hash_, {}), {lake_, config_, pool_}));
  EXPECT_EQ(lake_.current()->value().skipped, 2U);
  EXPECT_THAT(zone_lines(Zone::kRaw), SizeIs(2));
  const auto found = verify_lake({lake_, shortened, types_, hash_}, pool_, {});
  EXPECT_THAT(found->findings, IsEmpty());
}

TEST_F(LakeStatusTest, VerifyComparesWhatTheLogStillHas) {
  log_events({{"ann", "a", 0}, {"ann", "b", 1}, {"ann", "c", 0}, {"ann", "d", 1}}, 0, 2);
  compacted();
  const ShortenedLog shortened(log_, 2);
  const auto found = verify_lake({lake_, shortened, types_, hash_}, pool_, {});
  EXPECT_THAT(found->findings, IsEmpty());
  EXPECT_EQ(found->log_events, 2U);
  // And says what is in the lake alone to whom would make a new one.
  config_.region_key = "country";
  const auto refused = compact(source_of(shortened, types_, hash_, {}), {lake_, config_, pool_});
  EXPECT_THAT(refused.error().message, HasSubstr("begins at events/0@2"));
}

TEST_F(LakeStatusTest, VerifyLeavesOutWhoWaitsToBeForgotten) {
  log_events({{"ann", "a", 0}, {"bob", "b", 0}});
  compacted();
  const AsOf ends = *log_.ends();
  log_ = MemoryLog();
  log_events({{"ann", "a", 0}, {"", "", 0}});  // bob is hidden
  const auto found = verify_lake({lake_, log_, types_, hash_}, pool_, {});
  EXPECT_THAT(found->findings, SizeIs(1)) << "a row that is missing is found";
  ASSERT_TRUE(lake_.forget(hash_.user("bob"), ends));
  expect_whole();
}

TEST_F(LakeStatusTest, VerifyStartsAgainBehindACompaction) {
  log_events({{"ann", "a", 0}});
  compacted();
  log_events({{"ann", "b", 0}});
  ShortenedLog busy(log_, 0);
  uint64_t number = 0;
  busy.before_reading = [&] { number = compacted().manifest; };
  const auto found = verify_lake({lake_, busy, types_, hash_}, pool_, {});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_THAT(found->findings, IsEmpty());
  EXPECT_EQ(found->manifest, number);
  EXPECT_EQ(found->log_events, 2U);
}

}  // namespace
}  // namespace palate::lake
