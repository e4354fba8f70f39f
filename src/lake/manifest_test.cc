#include "lake/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

#include "lake/lake_for_test.h"
#include "lake/sealed_json.h"
#include "lake/tombstones.h"

namespace palate::lake {
namespace {

using ::testing::HasSubstr;

Manifest example() {
  Manifest manifest;
  manifest.number = 17;
  manifest.created = "2026-01-01T00:00:00Z";
  manifest.tenant = "default";
  manifest.as_of = {{Stream::kEvents, 0, 10}, {Stream::kItems, 0, 3}};
  manifest.from = {{Stream::kEvents, 0, 2}};
  manifest.accounts[0] = {10, 0, 1, 2};
  LakeFile file;
  file.path = "clean/day=2026-01-01/part-000001-00000-0.parquet";
  file.zone = Zone::kClean;
  file.part = {20'454, "DE"};
  file.rows = 7;
  file.bytes = 900;
  file.checksum = std::string(32, 'a');
  file.ts_min = -5;
  file.ts_max = 5;
  file.positions = {{0, 2, 9}};
  file.schema = "palate.event/1";
  file.types = {{"click", 7}};
  manifest.files = {file};
  manifest.retired = {{"clean/part-000000-00000-0.parquet", 12}};
  manifest.forgot = {{"abc", "2026-01-01T00:00:00Z", {1, 2, 3, 4}}};
  return manifest;
}

TEST(Manifest, ReadsBackAsItWasWritten) {
  const auto back = manifest_from_json(to_json(example()));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_TRUE(*back == example());
}

RC_GTEST_PROP(Manifest, AFlippedOrLostByteIsFound, ()) {
  const std::string text = to_json(example());
  std::string other = text;
  const auto at = *rc::gen::inRange<size_t>(0, text.size());
  if (*rc::gen::arbitrary<bool>()) {
    other.resize(at);
  } else {
    other[at] = static_cast<char>(other[at] ^ (1 << *rc::gen::inRange(0, 8)));
  }
  const auto back = manifest_from_json(other);
  RC_ASSERT(!back);
  RC_ASSERT(back.error().code == Code::kCorrupt);
}

TEST(Manifest, ANewerOneIsRefusedByName) {
  const auto back = manifest_from_json(seal({{"format", kLakeFormat + 1}}));
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, Code::kUnsupportedVersion);
  EXPECT_THAT(back.error().message, HasSubstr("newer palate"));
}

TEST(Manifest, PathsStayInTheLake) {
  for (const char* path : {"/etc/x.parquet", "clean/../../x.parquet", "", "clean/x.txt"}) {
    Manifest manifest = example();
    manifest.files[0].path = path;
    EXPECT_FALSE(manifest_from_json(to_json(manifest))) << path;
  }
}

TEST(Manifest, CurrentHoldsANumberAndItsChecksum) {
  EXPECT_EQ(current_number(current_line(17)), 17U);
  EXPECT_EQ(current_number("000017 00000000\n"), 0U);
  EXPECT_EQ(current_number("000017"), 0U);
  EXPECT_EQ(current_number(""), 0U);
}

TEST(Tombstones, ReadBackAsTheyWereWritten) {
  const Tombstone tombstone{UserId{{1, 2}}, "2026-01-01T00:00:00Z", {{Stream::kEvents, 1, 9}}};
  EXPECT_TRUE(tombstone_from_json(to_json(tombstone)).value() == tombstone);
  EXPECT_EQ(hex_of(UserId{{1, 0}}), "01000000000000000000000000000000");
}

class DamagedLakeTest : public LakeTest {};

TEST_F(DamagedLakeTest, EachFileOfTheDirectorySaysWhatIsWrong) {
  log_events({{"ann", "a", 0}});
  compacted();
  const auto refused_with = [&](const std::string& file, const std::string& text) {
    const std::string before = *read_file(root_ / file);
    EXPECT_TRUE(write_file_atomically(root_ / file, text));
    const auto report = compact_now();
    EXPECT_TRUE(write_file_atomically(root_ / file, before));
    return report ? std::string("taken") : report.error().message;
  };
  EXPECT_THAT(refused_with("CURRENT", "000001 12345678\n"), HasSubstr("CURRENT"));
  EXPECT_THAT(refused_with("CURRENT", current_line(99)), HasSubstr("manifest-000099.json"));
  EXPECT_THAT(refused_with("manifest-000001.json", "{\"checksum\""), HasSubstr("checksum"));
  ASSERT_TRUE(lake_.forget(hash_.user("ann")));
  const auto tombstone = read_tombstones(root_)->front().path;
  const std::string name = "tombstones/" + tombstone.filename().string();
  EXPECT_THAT(refused_with(name, "no tombstone"), HasSubstr("forget the user again"));
  EXPECT_EQ(compacted().forgotten, 2U);
}

}  // namespace
}  // namespace palate::lake
