#include "dataset/tower_examples.h"

#include <functional>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace palate {
namespace {

TowerExamples small() {
  TowerExamples out;
  out.liked.add(std::vector<uint32_t>{1, 0});
  out.liked.add({});
  out.profiles.add({});
  out.profiles.add(std::vector<uint32_t>{2});
  out.terms.add(std::vector<uint32_t>{1, 3});
  out.terms.add({});
  out.texts.add(std::vector<uint32_t>{4, 4});
  out.texts.add(std::vector<uint32_t>{1});
  out.text_start = {0, 2, 2};
  out.vectors = {1, 2, 3, 4};
  out.vector_width = 2;
  return out;
}

constexpr TowerRows kRows{.profiles = 3, .terms = 4, .subwords = 5};

Result<TowerExamples> again(const TowerExamples& examples) {
  static int made = 0;
  const Path path = std::filesystem::temp_directory_path() /
                    fmt::format("palate-tower-examples-{}-{}", getpid(), made++);
  auto out = TRY(ArtefactWriter::create(path));
  write_tower_examples(examples, out);
  TRY(out.commit());
  auto read = read_tower_examples(*TRY(Artefact::open(path)), kRows);
  std::filesystem::remove_all(path);
  return read;
}

TEST(TowerExamples, ComeBackAsTheyWere) {
  const TowerExamples wrote = small();
  const auto read = again(wrote);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->liked.ids, wrote.liked.ids);
  EXPECT_EQ(read->liked.start, wrote.liked.start);
  EXPECT_EQ(read->profiles.ids, wrote.profiles.ids);
  EXPECT_EQ(read->terms.start, wrote.terms.start);
  EXPECT_EQ(read->text_start, wrote.text_start);
  EXPECT_EQ(read->vectors, wrote.vectors);
  EXPECT_EQ(read->words(0).size(), 3u);
  EXPECT_TRUE(read->words(1).empty());
}

TEST(TowerExamples, DamageIsFound) {
  const std::vector<std::function<void(TowerExamples&)>> damages{
      [](auto& e) { e.liked.ids[0] = 2; },         // no such item
      [](auto& e) { e.profiles.ids[0] = 3; },      // no such row
      [](auto& e) { e.profiles.ids[0] = 0; },      // which stands for nothing
      [](auto& e) { e.terms.ids[1] = 4; },         //
      [](auto& e) { e.texts.ids[0] = 5; },         //
      [](auto& e) { e.liked.start = {0, 3, 2}; },  // does not ascend
      [](auto& e) { e.liked.start = {1, 2, 2}; },  //
      [](auto& e) { e.liked.start = {0, 2, 3}; },  // beyond the ids
      [](auto& e) { e.profiles.start = {0, 1}; },  // of one user only
      [](auto& e) { e.text_start = {0, 2}; },      //
      [](auto& e) { e.text_start = {0, 2, 1}; },   //
      [](auto& e) { e.text_start = {0, 1, 3}; }};
  for (size_t i = 0; i < damages.size(); ++i) {
    TowerExamples examples = small();
    damages[i](examples);
    const auto read = again(examples);
    ASSERT_FALSE(read) << i;
    EXPECT_EQ(read.error().code, Code::kCorrupt) << read.error().message;
  }
}

}  // namespace
}  // namespace palate
