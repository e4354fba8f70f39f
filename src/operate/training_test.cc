#include "operate/training.h"

#include <gtest/gtest.h>

#include "ingest/directory_for_test.h"
#include "lake/lake_directory.h"

namespace palate {
namespace {

// As many as are read, not as many as there ever were.
TEST(DatasetEvents, AreThoseOfTheLogThatIsLeftOrOfTheLake) {
  const TemporaryFolder folder;
  const EventTypes types = EventTypes::defaults();
  const ModelConfigs configs;
  ThreadPool pool(1);
  DataDirectoryOptions options{.data = folder.path(), .tenant = {}, .mode = OpenMode::kWriter};
  options.retention.log_days = 1;
  const auto data = DataDirectory::open(options, types).value();
  for (uint64_t i = 0; i < 5; ++i) {
    ASSERT_TRUE(data->ingest().write_events(like(types, "ann", "book", i)));
  }
  TrainingRoom room{*data, types, configs, pool, {}};
  EXPECT_EQ(dataset_events(room), 5U);
  ASSERT_EQ(data->trim_log(3, {})->blocks, 3U);
  EXPECT_EQ(dataset_events(room), 2U);

  room.from_lake = true;
  EXPECT_EQ(dataset_events(room), 0U);
  lake::Manifest manifest;
  manifest.number = 1;
  for (const auto& [zone, rows] : {std::pair(lake::Zone::kRaw, 9), {lake::Zone::kClean, 7}}) {
    lake::LakeFile file;
    file.zone = zone;
    file.rows = static_cast<uint64_t>(rows);
    file.path = fmt::format("{}/part.parquet", rows);
    manifest.files.push_back(file);
  }
  const Path root = data->root() / "lake";
  ASSERT_TRUE(make_directories(root));
  ASSERT_TRUE(write_file_atomically(root / "manifest-000001.json", lake::to_json(manifest)));
  ASSERT_TRUE(write_file_atomically(root / "CURRENT", lake::current_line(1)));
  EXPECT_EQ(dataset_events(room), 7U);
}

// Who is forgotten leaves log, state and lake; a model that kept his history would go on with it.
TEST(Training, WhatHoldsHistoriesIsNotReleased) {
  const TemporaryFolder folder;
  const EventTypes types = EventTypes::defaults();
  ModelConfigs configs;
  configs.blend.models = {"item_knn", "user_knn"};
  ThreadPool pool(1);
  const auto data = open_directory(folder.path(), types).value();
  for (uint64_t i = 0; i < 6; ++i) {
    const std::string user = fmt::format("u{}", i / 2), item = fmt::format("i{}", i % 3);
    ASSERT_TRUE(data->ingest().write_events(like(types, user, item, i)));
  }
  const TrainingRoom room{*data, types, configs, pool, {}};
  for (const char* kind : {"user_knn", "blend"}) {
    const auto refused = train_and_release(room, {"popularity", kind}, "");
    ASSERT_FALSE(refused) << kind;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_NE(refused.error().message.find("forgetting a user"), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(data->root() / "artefacts"));
  configs.blend.models = {"item_knn", "popularity"};
  const auto released = train_and_release(room, {"popularity", "blend"}, "");
  ASSERT_TRUE(released) << released.error().message;
  EXPECT_EQ(released->models.size(), 2U);
}

}  // namespace
}  // namespace palate
