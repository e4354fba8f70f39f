#include "artefact/artefact.h"

#include <fstream>
#include <numeric>
#include <random>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artefact/manifest.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

// A directory of its own for each test, gone afterwards.
class ArtefactTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::temp_directory_path() /
            fmt::format("palate-artefact-{}-{}", ::getpid(), test->name());
    std::filesystem::create_directories(root_);
  }
  void TearDown() override {
    set_file_faults_for_test(nullptr);
    std::filesystem::remove_all(root_);
  }

  Path write(const std::string& name) {
    auto writer = ArtefactWriter::create(root_ / name);
    EXPECT_TRUE(writer.has_value());
    writer->manifest.kind = "als";
    writer->manifest.version = name;
    writer->manifest.config_json = R"({"factors":3})";
    writer->manifest.items = 5;
    writer->add<float>("item_factors", {5, 3}, factors_);
    writer->add<uint64_t>("start", {4}, starts_);
    writer->add<int8_t>("flags", {3}, flags_);
    EXPECT_TRUE(writer->add_file("report.md", "# Report\n").has_value());
    EXPECT_TRUE(writer->commit().has_value());
    return root_ / name;
  }

  Path root_;
  std::vector<float> factors_ = [] {
    std::vector<float> values(15);
    std::iota(values.begin(), values.end(), 0.5F);
    return values;
  }();
  std::vector<uint64_t> starts_{0, 2, 4, 9};
  std::vector<int8_t> flags_{1, -1, 0};
};

TEST_F(ArtefactTest, WhatIsWrittenIsReadBack) {
  const auto opened = Artefact::open(write("000001"));
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  const auto& artefact = **opened;
  EXPECT_EQ(artefact.manifest().kind, "als");
  EXPECT_EQ(artefact.manifest().config_json, R"({"factors":3})");
  EXPECT_EQ(artefact.manifest().items, 5U);
  EXPECT_EQ(artefact.manifest().checksums.size(), 2U);
  const auto factors = artefact.tensor("item_factors", DType::kF32, 2);
  ASSERT_TRUE(factors.has_value());
  EXPECT_EQ(factors->shape, (std::vector<uint64_t>{5, 3}));
  EXPECT_EQ(std::memcmp(factors->bytes.data(), factors_.data(), factors->bytes.size()), 0);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(factors->bytes.data()) % 64, 0U);
  const auto starts = artefact.vector<uint64_t>("start");
  ASSERT_TRUE(starts.has_value());
  EXPECT_THAT(*starts, ::testing::ElementsAreArray(starts_));
  uint64_t on_disk = 0;
  for (const auto& file : std::filesystem::directory_iterator(artefact.path())) {
    on_disk += file.file_size();
  }
  EXPECT_EQ(artefact.bytes_on_disk(), on_disk);
}

TEST_F(ArtefactTest, ATensorOfAnotherTypeOrRankIsRefused) {
  const auto opened = Artefact::open(write("000001"));
  ASSERT_TRUE(opened.has_value());
  for (const auto& wrong : {(*opened)->tensor("item_factors", DType::kF32, 1),
                            (*opened)->tensor("item_factors", DType::kI32, 2),
                            (*opened)->tensor("nothing", DType::kF32, 2)}) {
    ASSERT_FALSE(wrong.has_value());
    EXPECT_EQ(wrong.error().code, Code::kCorrupt);
  }
}

TEST_F(ArtefactTest, NothingIsThereBeforeCommitOrWithoutIt) {
  {
    auto writer = ArtefactWriter::create(root_ / "000001");
    ASSERT_TRUE(writer.has_value());
    EXPECT_FALSE(std::filesystem::exists(root_ / "000001"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(root_));
  EXPECT_EQ(Artefact::open(root_ / "000001").error().code, Code::kNotFound);
}

TEST_F(ArtefactTest, AnArtefactIsNeverWrittenTwice) {
  write("000001");
  const auto again = ArtefactWriter::create(root_ / "000001");
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, Code::kAlreadyExists);
}

TEST_F(ArtefactTest, AFullDiskLeavesNothingBehind) {
  for (const std::string_view failing : {"create", "write", "sync", "rename"}) {
    int calls = 0;
    // The n-th such operation fails, for every n until the artefact gets through.
    for (int fails_at = 0;; ++fails_at) {
      set_file_faults_for_test([&](std::string_view operation, const Path&) {
        return operation == failing && calls++ == fails_at ? ENOSPC : 0;
      });
      calls = 0;
      Code code = Code::kInternal;
      {
        auto writer = ArtefactWriter::create(root_ / "000001");
        auto done = writer ? writer->commit() : Status(std::unexpected(writer.error()));
        if (done) break;
        code = done.error().code;
      }
      EXPECT_EQ(code, Code::kNoSpace) << failing << " " << fails_at;
      set_file_faults_for_test(nullptr);
      if (std::filesystem::exists(root_ / "000001")) {  // only the parent's sync came too late
        EXPECT_TRUE(Artefact::open(root_ / "000001").has_value());
        std::filesystem::remove_all(root_ / "000001");
      }
      EXPECT_TRUE(std::filesystem::is_empty(root_)) << failing << " " << fails_at;
      ASSERT_LT(fails_at, 100);
    }
    set_file_faults_for_test(nullptr);
    EXPECT_GT(calls, 0) << failing;
    std::filesystem::remove_all(root_ / "000001");
  }
}

// Any byte of any file, changed in any way, is refused with the file's name.
TEST_F(ArtefactTest, OneFlippedByteAnywhereIsRefused) {
  const Path path = write("000001");
  const unsigned seed = 20261121;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  for (const std::string name : {"manifest.json", "tensors.safetensors", "report.md"}) {
    const auto before = read_file(path / name);
    ASSERT_TRUE(before.has_value());
    for (size_t round = 0; round < 400; ++round) {
      std::string bytes = *before;
      const size_t at = random() % bytes.size();
      bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1 + random() % 255));
      std::ofstream(path / name, std::ios::binary) << bytes;
      const auto opened = Artefact::open(path);
      ASSERT_FALSE(opened.has_value()) << name << " byte " << at;
      EXPECT_THAT(opened.error().message, HasSubstr(name));
      EXPECT_THAT(opened.error().code, ::testing::AnyOf(Code::kCorrupt, Code::kUnsupportedVersion));
    }
    std::ofstream(path / name, std::ios::binary) << *before;
    ASSERT_TRUE(Artefact::open(path).has_value());
  }
}

TEST_F(ArtefactTest, AMissingOrShortFileIsRefusedByName) {
  for (const std::string name : {"manifest.json", "tensors.safetensors", "report.md"}) {
    const Path path = write("cut-" + name);
    const auto size = std::filesystem::file_size(path / name);
    std::filesystem::resize_file(path / name, size - 1);
    EXPECT_THAT(Artefact::open(path).error().message, HasSubstr(name));
    std::filesystem::resize_file(path / name, 0);
    EXPECT_EQ(Artefact::open(path).error().code, Code::kCorrupt) << name;
    std::filesystem::remove(path / name);
    const auto opened = Artefact::open(path);
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, Code::kCorrupt);
    EXPECT_THAT(opened.error().message, HasSubstr(name));
  }
}

TEST_F(ArtefactTest, AFileOfAForbiddenNameIsRefused) {
  auto writer = ArtefactWriter::create(root_ / "000001");
  ASSERT_TRUE(writer.has_value());
  for (const std::string_view name :
       {"../x", "a/b", "", ".hidden", "manifest.json", "tensors.safetensors"}) {
    const auto added = writer->add_file(name, "x");
    ASSERT_FALSE(added.has_value()) << name;
    EXPECT_EQ(added.error().code, Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace palate
