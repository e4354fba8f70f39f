#include "infer/trees_model.h"

#include <filesystem>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "infer/trees_draw.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

class TreesModelTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // Writes a model whose details are changed before.
  Result<TreesModel> through_disk(const std::function<void(nlohmann::json&)>& change = {}) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    TreesDrawer draw(5);
    text_ = draw.text(20);
    model_ = {};
    model_.label = "click";
    model_.group = "query";
    for (uint32_t f = 0; f < draw.features(); ++f) {
      model_.features.push_back({"numbers", TreeReading::kNumber, f});
    }
    model_.features[0] = {"item", TreeReading::kId, 0};
    auto out = ArtefactWriter::create(folder_ / "model");
    EXPECT_TRUE(TreesModel::write(model_, text_, *out));
    if (change) {
      auto details = nlohmann::json::parse(out->manifest.details_json);
      change(details["trees"]);
      out->manifest.details_json = details.dump();
    }
    EXPECT_TRUE(out->commit());
    return TreesModel::load(**Artefact::open(folder_ / "model"));
  }

  Path folder_ =
      std::filesystem::temp_directory_path() / ("palate-trees-" + std::to_string(::getpid()));
  std::string text_;
  TreesModel model_;
};

TEST_F(TreesModelTest, WhatIsWrittenIsReadBack) {
  const auto read = through_disk();
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->label, "click");
  EXPECT_EQ(read->group, "query");
  EXPECT_EQ(read->features, model_.features);
  EXPECT_EQ(read->trees->size(), (*Trees::from_text(text_))->size());
}

TEST_F(TreesModelTest, WhatDoesNotFitIsNamed) {
  using Json = nlohmann::json;
  const std::vector<std::pair<std::function<void(Json&)>, const char*>> damages{
      {[](Json& json) { json["features"].erase(0); }, "features are described"},
      {[](Json& json) { json["features"][0]["reading"] = "sum"; }, "'sum'"},
      {[](Json& json) { json["features"][0]["place"] = 1; }, "other keys"},
      {[](Json& json) { json["features"][0].erase("column"); }, "'column'"},
      {[](Json& json) { json["features"][0] = 3; }, "no object"},
      {[](Json& json) { json["features"] = 3; }, "features"},
      {[](Json& json) { json["label"] = 3; }, "'label'"},
      {[](Json& json) { json["more"] = 3; }, "keys"},
      {[](Json& json) { json["format"] = "one"; }, "'format'"},
      {[](Json& json) { json = 1; }, "'trees'"}};
  for (const auto& [change, message] : damages) {
    const auto read = through_disk(change);
    ASSERT_FALSE(read.has_value()) << message;
    EXPECT_EQ(read.error().code, Code::kCorrupt) << message;
    EXPECT_THAT(read.error().message, HasSubstr(message));
  }
  const auto newer = through_disk([](Json& json) { json["format"] = 2; });
  ASSERT_FALSE(newer.has_value());
  EXPECT_EQ(newer.error().code, Code::kUnsupportedVersion);
}

TEST_F(TreesModelTest, AnotherKindIsRefused) {
  std::filesystem::create_directories(folder_);
  auto out = ArtefactWriter::create(folder_ / "other");
  out->manifest.kind = "network";
  ASSERT_TRUE(out->commit());
  const auto read = TreesModel::load(**Artefact::open(folder_ / "other"));
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace palate
