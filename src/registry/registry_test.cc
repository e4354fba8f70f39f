#include "registry/registry.h"

#include <atomic>
#include <fstream>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/directory.h"

namespace palate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RegistryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::temp_directory_path() /
            fmt::format("palate-registry-{}-{}", ::getpid(), test->name());
    registry_.emplace(root_);
  }
  void TearDown() override {
    set_file_faults_for_test(nullptr);
    std::filesystem::remove_all(root_);
  }

  std::string train(const std::string& kind) {
    auto writer = registry_->start(kind);
    EXPECT_TRUE(writer.has_value()) << writer.error().message;
    const std::vector<float> scores{1, 2};
    writer->add<float>("scores", {2}, scores);
    EXPECT_TRUE(writer->commit().has_value());
    return writer->manifest.version;
  }
  uint64_t release(const std::map<std::string, std::string>& artefacts) {
    const auto made = registry_->release(artefacts, "test");
    EXPECT_TRUE(made.has_value()) << made.error().message;
    return made ? made->number : 0;
  }

  Path root_;
  std::optional<Registry> registry_;
};

TEST_F(RegistryTest, StartsEmpty) {
  EXPECT_TRUE(registry_->versions("als")->empty());
  EXPECT_TRUE(registry_->kinds()->empty());
  EXPECT_FALSE(registry_->current()->has_value());
  EXPECT_EQ(registry_->get(1).error().code, Code::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(root_)) << "looking makes nothing";
}

TEST_F(RegistryTest, VersionsCountUpAndOpen) {
  EXPECT_EQ(train("als"), "000001");
  EXPECT_EQ(train("als"), "000002");
  EXPECT_EQ(train("popularity"), "000001");
  EXPECT_THAT(*registry_->versions("als"), ElementsAre("000001", "000002"));
  EXPECT_THAT(*registry_->kinds(), ElementsAre("als", "popularity"));
  const auto opened = registry_->open("als", "000002");
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  EXPECT_EQ((*opened)->manifest().kind, "als");
  EXPECT_EQ((*opened)->manifest().version, "000002");
}

TEST_F(RegistryTest, ANumberInHandIsNotGivenTwice) {
  auto first = registry_->start("als");
  auto second = registry_->start("als");
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->manifest.version, second->manifest.version);
  EXPECT_TRUE(registry_->versions("als")->empty()) << "half-written ones are not seen";
  EXPECT_TRUE(registry_->kinds()->empty());
  ASSERT_TRUE(second->commit().has_value());
  ASSERT_TRUE(first->commit().has_value());
  EXPECT_THAT(*registry_->versions("als"), ElementsAre("000001", "000002"));
}

TEST_F(RegistryTest, AnAbandonedNumberIsNeverGivenAgain) {
  {
    const auto abandoned = registry_->start("als");
  }
  EXPECT_EQ(train("als"), "000002");
}

TEST_F(RegistryTest, ManyThreadsGetDistinctVersions) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) train("als");
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(registry_->versions("als")->size(), 20U);
}

TEST_F(RegistryTest, TwoProcessesGetDistinctVersions) {
  constexpr int kRounds = 10;
  const pid_t child = ::fork();
  if (child == 0) {
    for (int round = 0; round < kRounds; ++round) train("als");
    ::_exit(HasFailure() ? 1 : 0);
  }
  for (int round = 0; round < kRounds; ++round) train("als");
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(registry_->versions("als")->size(), size_t{2 * kRounds});
}

TEST_F(RegistryTest, AReleaseKeepsTheKindsItDoesNotName) {
  train("als");
  train("popularity");
  EXPECT_EQ(release({{"als", "000001"}, {"popularity", "000001"}}), 1U);
  train("als");
  EXPECT_EQ(release({{"als", "000002"}}), 2U);
  const auto current = registry_->current();
  ASSERT_TRUE(current && *current);
  EXPECT_EQ((*current)->number, 2U);
  EXPECT_EQ((*current)->note, "test");
  EXPECT_EQ((*current)->artefacts,
            (std::map<std::string, std::string>{{"als", "000002"}, {"popularity", "000001"}}));
}

TEST_F(RegistryTest, RollingBackAndOnAgain) {
  train("als");
  train("als");
  release({{"als", "000001"}});
  release({{"als", "000002"}});
  ASSERT_TRUE(registry_->roll_back(1).has_value());
  EXPECT_EQ((*registry_->current())->artefacts.at("als"), "000001");
  EXPECT_EQ(registry_->roll_back(9).error().code, Code::kNotFound);
  EXPECT_EQ(release({{"als", "000002"}}), 3U) << "numbers are not used again";
}

TEST_F(RegistryTest, WhatIsMissingIsNamed) {
  const auto nothing = registry_->release({{"als", "000007"}}, "");
  ASSERT_FALSE(nothing.has_value());
  EXPECT_EQ(nothing.error().code, Code::kNotFound);
  EXPECT_THAT(nothing.error().message, HasSubstr("'000007'"));
  EXPECT_EQ(registry_->release({}, "").error().code, Code::kInvalidArgument);
  EXPECT_EQ(registry_->open("als", "000007").error().code, Code::kNotFound);
  EXPECT_EQ(registry_->open("als", "../000007").error().code, Code::kNotFound);
  for (const std::string_view kind : {"", "..", "a/b", "ALS", ".x"}) {
    EXPECT_EQ(registry_->start(kind).error().code, Code::kInvalidArgument) << kind;
    EXPECT_EQ(registry_->versions(kind).error().code, Code::kInvalidArgument) << kind;
  }
}

TEST_F(RegistryTest, AnArtefactUnderAnotherNameIsRefused) {
  train("als");
  std::filesystem::rename(root_ / "models/als/000001", root_ / "models/als/000005");
  EXPECT_EQ(registry_->open("als", "000005").error().code, Code::kCorrupt);
}

TEST_F(RegistryTest, AFailureWhileReleasingLeavesTheOldOneLive) {
  train("als");
  train("als");
  release({{"als", "000001"}});
  for (const std::string_view failing : {"create", "write", "sync", "rename"}) {
    int failures = 0;
    for (const std::string_view file : {"000002.json", "CURRENT"}) {
      set_file_faults_for_test([&](std::string_view operation, const Path& path) {
        const bool hit =
            operation == failing && path.filename().string().find(file) != std::string::npos;
        failures += hit ? 1 : 0;
        return hit ? ENOSPC : 0;
      });
      const auto failed = registry_->release({{"als", "000002"}}, "");
      set_file_faults_for_test(nullptr);
      ASSERT_FALSE(failed.has_value()) << failing << " " << file;
      EXPECT_EQ(failed.error().code, Code::kNoSpace);
      EXPECT_EQ((*registry_->current())->number, 1U);
      // Written but not live: removed, so that the next number is 2 again.
      std::filesystem::remove(root_ / "releases/000002.json");
    }
    EXPECT_EQ(failures, 2) << failing;
  }
}

TEST_F(RegistryTest, CorruptReleasesAreNamed) {
  train("als");
  release({{"als", "000001"}});
  const Path file = root_ / "releases/000001.json";
  for (const std::string text :
       {"", "[]", "{}", R"({"format":1,"number":2,"created":"","note":"","artefacts":{}})",
        R"({"format":1,"number":1,"created":"","note":"","artefacts":{"als":1}})"}) {
    std::ofstream(file) << text;
    const auto current = registry_->current();
    ASSERT_FALSE(current.has_value()) << text;
    EXPECT_EQ(current.error().code, Code::kCorrupt);
    EXPECT_THAT(current.error().message, HasSubstr("000001.json"));
  }
  std::ofstream(file) << R"({"format":2})";
  EXPECT_EQ(registry_->current().error().code, Code::kUnsupportedVersion);
  std::ofstream(root_ / "releases/CURRENT") << "1x\n";
  EXPECT_THAT(registry_->current().error().message, HasSubstr("CURRENT"));
}

TEST_F(RegistryTest, PruneKeepsWhatReleasesNameAndTheNewest) {
  for (int i = 0; i < 5; ++i) train("als");
  release({{"als", "000001"}});
  release({{"als", "000002"}});
  release({{"als", "000003"}});
  EXPECT_EQ(registry_->prune(2), size_t{2});  // 1, in an old release, and 4, in none
  EXPECT_THAT(*registry_->versions("als"), ElementsAre("000002", "000003", "000005"));
  ASSERT_TRUE(registry_->roll_back(2).has_value());
  EXPECT_EQ(registry_->prune(1), size_t{0}) << "the live one stays, and so does the newest release";
  EXPECT_EQ(registry_->roll_back(1).error().code, Code::kNotFound);
  EXPECT_EQ(train("als"), "000006");
}

TEST_F(RegistryTest, PruneRemovesLeftoversOfCrashes) {
  train("als");
  const Path directory = root_ / "models/als";
  const std::string dead_process = "999999999";  // above any pid_max
  const Path left = directory / (".000009.tmp-" + dead_process + "-0");
  const Path in_use = directory / (".000010.tmp-" + dead_process + "-0");
  const Path foreign = directory / "notes";
  for (const auto& path : {left, in_use, foreign, directory / ".trash-000001"}) {
    std::filesystem::create_directories(path);
  }
  // A process that numbers its kind from one again, in a container say, holds it.
  const auto held = HeldDirectory::hold(in_use);
  ASSERT_TRUE(held) << held.error().message;
  EXPECT_EQ(registry_->prune(1), size_t{0});
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_FALSE(std::filesystem::exists(directory / ".trash-000001"));
  EXPECT_TRUE(std::filesystem::exists(in_use));
  EXPECT_TRUE(std::filesystem::exists(foreign));
  EXPECT_THAT(*registry_->versions("als"), ElementsAre("000001"));
}

// Readers beside a releasing writer see the old or the new one, always whole.
TEST_F(RegistryTest, ReadersSeeWholeReleases) {
  train("als");
  train("als");
  release({{"als", "000001"}});
  std::atomic<bool> done{false};
  size_t looks = 0;
  std::thread reader([&] {
    for (; !done || looks == 0; ++looks) {
      const auto current = registry_->current();
      ASSERT_TRUE(current && *current) << current.error().message;
      ASSERT_EQ((*current)->artefacts.at("als"), (*current)->number % 2 == 1 ? "000001" : "000002");
    }
  });
  for (int i = 0; i < 20; ++i) release({{"als", i % 2 == 0 ? "000002" : "000001"}});
  done = true;
  reader.join();
  EXPECT_GT(looks, 0U);
}

TEST(RegistryNames, OnlyCanonicalOnesAreVersions) {
  for (const uint64_t number : {1ULL, 17ULL, 999'999ULL, 1'000'000ULL}) {
    EXPECT_EQ(registry::version_number(registry::version_name(number)), number);
  }
  for (const std::string_view name :
       {"", "1", "0000017", "000000", "00001a", "-00001", ".000001"}) {
    EXPECT_FALSE(registry::version_number(name).has_value()) << name;
  }
}

// Every bit of a release and of what names the current one: found, or without meaning.
TEST_F(RegistryTest, AFlippedBitNamesNoOtherRelease) {
  for (int i = 0; i < 3; ++i) release({{"als", train("als")}});
  const auto right = *registry_->current();
  for (const Path& file : {root_ / "releases/CURRENT", root_ / "releases/000003.json"}) {
    const std::string text = *read_file(file);
    for (size_t bit = 0; bit < text.size() * 8; ++bit) {
      std::string flipped = text;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      std::ofstream(file) << flipped;
      const auto current = registry_->current();
      if (!current) continue;
      ASSERT_TRUE(*current);
      EXPECT_EQ((*current)->number, right->number) << file << " bit " << bit;
      EXPECT_EQ((*current)->artefacts, right->artefacts) << file << " bit " << bit;
    }
    std::ofstream(file) << text;
  }
}

}  // namespace
}  // namespace palate
