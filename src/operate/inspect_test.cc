#include "operate/inspect.h"

#include <filesystem>
#include <limits>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataset/dataset.h"
#include "ids/dictionary_writer.h"

namespace palate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class InspectTest : public testing::Test {
 protected:
  InspectTest() {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }
  ~InspectTest() override { std::filesystem::remove_all(root_); }

  static void write_dictionary(const Path& path) {
    ThreadPool pool(1);
    auto writer = DictionaryWriter::create(path, {}, pool).value();
    for (const std::string_view key : {"b", "a"}) writer.add(key).value();
    writer.commit().value();
  }
  Path write_artefact() {
    auto writer = ArtefactWriter::create(root_ / "model").value();
    writer.manifest.kind = "als";
    const std::vector<float> values{1, 2, 3, std::numeric_limits<float>::infinity()};
    writer.add("item_vectors", {2, 2}, std::span(values));
    write_dictionary(writer.path_of("items.dictionary"));
    writer.add_written("items.dictionary").value();
    writer.commit().value();
    return root_ / "model";
  }
  static void flip(const Path& path, size_t at) {
    std::string bytes = read_file(path).value();
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    write_file_atomically(path, bytes).value();
  }

  const Path root_ = testing::TempDir() + fmt::format("palate_inspect_{}", ::getpid());
};

TEST_F(InspectTest, Dictionaries) {
  write_dictionary(root_ / "names");
  const auto found = inspect(root_ / "names").value();
  EXPECT_EQ(found.kind, "dictionary");
  EXPECT_EQ(found.dictionary->keys, 2U);
  EXPECT_THAT(found.dictionary->first_keys, ElementsAre("b", "a"));
  EXPECT_EQ(found.dictionary->bytes.total(), found.bytes_on_disk);
  flip(root_ / "names", 70);
  EXPECT_EQ(inspect(root_ / "names").error().code, Code::kCorrupt);
  EXPECT_THAT(inspect(root_ / "names").error().message, HasSubstr("names"));
}

TEST_F(InspectTest, ArtefactsWithTheirVectorsAndItems) {
  const Path model = write_artefact();
  const auto found = inspect(model).value();
  EXPECT_EQ(found.kind, "artefact");
  EXPECT_EQ(found.manifest->kind, "als");
  ASSERT_EQ(found.tensors.size(), 1U);
  EXPECT_EQ(found.tensors[0].not_finite, 1U);
  EXPECT_EQ(found.dictionary->keys, 2U);

  const auto vectors = inspect(model / "tensors.safetensors").value();
  EXPECT_EQ(vectors.kind, "vectors");
  EXPECT_EQ(vectors.verified, "the layout");
  EXPECT_THAT(vectors.tensors[0].shape, ElementsAre(2, 2));

  flip(model / "items.dictionary", 70);
  EXPECT_THAT(inspect(model).error().message, HasSubstr("items.dictionary"));
}

TEST_F(InspectTest, Datasets) {
  const auto dataset = Dataset::from_rows(1, {0, 0, 0}, {}, TimeKind::kReal);
  ASSERT_TRUE(dataset.save(root_ / "data"));
  const auto found = inspect(root_ / "data").value();
  EXPECT_EQ(found.kind, "dataset");
  EXPECT_EQ(found.users, 2U);
  EXPECT_FALSE(found.dictionary);
}

TEST_F(InspectTest, WhatIsNothingOfTheKindIsRefused) {
  EXPECT_EQ(inspect(root_ / "absent").error().code, Code::kNotFound);
  EXPECT_EQ(inspect(root_).error().code, Code::kInvalidArgument);
  EXPECT_THAT(inspect(root_).error().message, HasSubstr("palate status"));
  ASSERT_TRUE(write_file_atomically(root_ / "text", "hello"));
  EXPECT_EQ(inspect(root_ / "text").error().code, Code::kInvalidArgument);
  ASSERT_TRUE(write_file_atomically(root_ / "x.safetensors", "hello"));
  EXPECT_EQ(inspect(root_ / "x.safetensors").error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace palate
