#include "ids/keyed_hash.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "ids/dictionary_hash.h"

namespace palate {
namespace {

constexpr KeyedHash::Key kKey{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

class KeyFileTest : public ::testing::Test {
 protected:
  KeyFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "palate-key-XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~KeyFileTest() override {
    set_file_faults_for_test(nullptr);
    std::filesystem::remove_all(root_);
  }
  [[nodiscard]] size_t files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(root_), {}));
  }
  Path root_;
};

TEST(KeyedHash, IsStableAcrossVersions) {
  // Pseudonyms are in datasets and artefacts: these values must never change.
  const KeyedHash hash(kKey, {"default"});
  EXPECT_EQ(to_hex(Hash128{hash.user("alice").words}), "5dc59e5b16a4f9b7ffb742c358d8a1e7");
  EXPECT_EQ(to_hex(Hash128{hash.item("alice").words}), "1db028dcd971fd1eee77e4ae5f5b3430");
}

TEST(KeyedHash, DiffersByKindTenantKeyAndName) {
  KeyedHash::Key other_key = kKey;
  other_key[15] ^= 1;
  std::set<std::array<uint64_t, 2>> seen;
  size_t made = 0;
  for (const KeyedHash& hash :
       {KeyedHash(kKey, {"a"}), KeyedHash(kKey, {"b"}), KeyedHash(other_key, {"a"})}) {
    for (std::string_view name :
         {"", "1", "2", "12", "a very long name that is no number at all"}) {
      seen.insert(hash.user(name).words);
      seen.insert(hash.item(name).words);
      made += 2;
    }
  }
  EXPECT_EQ(seen.size(), made);
}

TEST_F(KeyFileTest, IsMadeOnceAndOnlyItsOwnerReadsIt) {
  const Path file = root_ / "id.key";
  const auto first = KeyedHash::open(file, {}, /*create=*/true);
  ASSERT_TRUE(first) << first.error().message;
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(file).permissions(), perms::owner_read | perms::owner_write);
  EXPECT_EQ(std::filesystem::file_size(file), 16U);
  const auto again = KeyedHash::open(file, {}, /*create=*/true);
  ASSERT_TRUE(again);
  EXPECT_EQ(first->user("u"), again->user("u"));
  EXPECT_EQ(files(), 1U);
}

TEST_F(KeyFileTest, TwoDataDirectoriesHaveDifferentKeys) {
  const auto a = KeyedHash::open(root_ / "a.key", {}, /*create=*/true).value();
  const auto b = KeyedHash::open(root_ / "b.key", {}, /*create=*/true).value();
  EXPECT_NE(a.user("u"), b.user("u"));
}

TEST_F(KeyFileTest, RacingMakersAgree) {
  std::vector<std::jthread> makers;
  std::array<UserId, 8> ids;
  for (UserId& id : ids) {
    makers.emplace_back([&id, this] {
      id = KeyedHash::open(root_ / "id.key", {}, /*create=*/true).value().user("u");
    });
  }
  makers.clear();
  EXPECT_EQ(std::set<UserId>(ids.begin(), ids.end()).size(), 1U);
  EXPECT_EQ(files(), 1U);
}

TEST_F(KeyFileTest, MissingOrDamagedKeyIsNamed) {
  const auto missing = KeyedHash::open(root_ / "id.key", {}, /*create=*/false);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  std::ofstream(root_ / "id.key") << "too short";
  const auto damaged = KeyedHash::open(root_ / "id.key", {}, /*create=*/true);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Code::kCorrupt);
  EXPECT_THAT(damaged.error().message, ::testing::HasSubstr("id.key"));
}

TEST_F(KeyFileTest, AFailedWriteLeavesNothing) {
  for (std::string_view broken : {"create", "write", "sync"}) {
    set_file_faults_for_test([broken](std::string_view operation, const Path&) {
      return operation == broken ? ENOSPC : 0;
    });
    const auto failed = KeyedHash::open(root_ / "id.key", {}, /*create=*/true);
    ASSERT_FALSE(failed) << broken;
    EXPECT_EQ(failed.error().code, Code::kNoSpace) << broken;
    EXPECT_EQ(files(), 0U) << broken;
  }
}

TEST(DictionaryHash, DependsOnOrderAndIsKnownAtEveryLength) {
  const KeyedHash keyed(kKey, {});
  DictionaryHash hash;
  std::set<std::string> seen{hash.hex()};
  for (std::string_view name : {"a", "b", "a"}) {
    hash.add(keyed.item(name));
    seen.insert(hash.hex());
  }
  EXPECT_EQ(seen.size(), 4U);
  DictionaryHash same;
  for (std::string_view name : {"a", "b", "a"}) same.add(keyed.item(name));
  EXPECT_EQ(same.hex(), hash.hex());
  DictionaryHash swapped;
  for (std::string_view name : {"b", "a", "a"}) swapped.add(keyed.item(name));
  EXPECT_NE(swapped.hex(), hash.hex());
  EXPECT_EQ(hash.hex().size(), 32U);
}

}  // namespace
}  // namespace palate
