#include "ingest/screen.h"

#include <gmock/gmock.h>

#include "ingest/directory_for_test.h"
#include "ingest/import.h"

namespace palate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

BatchProfile batch(uint64_t clicks, uint64_t purchases, double value = 3) {
  const EventTypes types = EventTypes::defaults();
  std::vector<EventView> rows;
  for (uint64_t i = 0; i < clicks + purchases; ++i) {
    EventView row;
    row.type = *types.find(i < clicks ? "click" : "purchase");
    row.value = value + static_cast<double>(i % 3) - 1;
    rows.push_back(row);
  }
  BatchProfile profile;
  profile.add(rows, types);
  return profile;
}

TEST(Screen, SaysWhatIsUnusual) {
  const std::vector<BatchProfile> usual = {batch(900, 100), batch(1000, 90), batch(950, 120)};
  const ScreenRules rules;
  EXPECT_THAT(judge_batch(batch(700, 150), usual, rules), IsEmpty());
  EXPECT_THAT(judge_batch(batch(20'000, 2000), usual, rules),
              ElementsAre(HasSubstr("22000 rows; 1070 are usual")));
  EXPECT_THAT(judge_batch(batch(45, 5), usual, rules), ElementsAre(HasSubstr("50 rows")));
  EXPECT_THAT(judge_batch(batch(200, 800), usual, rules),
              ElementsAre(HasSubstr("70 % of its events are of other types")));
  EXPECT_THAT(judge_batch(batch(900, 100, 50), usual, rules),
              ElementsAre(HasSubstr("values of 50 on average; 2.999 ± 0.82")));
  BatchProfile broken = batch(300, 30);
  broken.refused = 400;
  broken.rows += 400;
  EXPECT_THAT(judge_batch(broken, usual, rules), ElementsAre(HasSubstr("55 % of its rows")));
  EXPECT_THAT(judge_batch(broken, {}, rules), ElementsAre(HasSubstr("the budget is 50 %")));
  EXPECT_THAT(judge_batch(batch(20'000, 0, 90), {}, rules), IsEmpty()) << "nothing is usual yet";
}

TEST(Screen, ProfilesReadBackAndSourcesHaveOneName) {
  const std::vector<BatchProfile> usual = {batch(9, 1), batch(0, 2, 1.25)};
  EXPECT_EQ(to_json(profiles_from_json(to_json(usual)).value()), to_json(usual));
  EXPECT_EQ(profiles_from_json("[{}]").error().code, Code::kCorrupt);
  EXPECT_EQ(source_of("clicks-2026-11-20.csv"), "clicks-#-#-#.csv");
}

TEST(Screen, AnUnusualFileIsSetAsideAsAWhole) {
  const TemporaryFolder folder;
  const EventTypes types = EventTypes::defaults();
  auto directory = open_directory(folder.path() / "data", types).value();
  const auto import = [&](const std::string& name, int rows, std::optional<ScreenRules> screen) {
    std::string text = "user_id,item_id,rating,timestamp\n";
    for (int i = 0; i < rows; ++i) text += fmt::format("{},{},4,{}\n", i, name, 1400000000 + i);
    const ImportFile file{folder.path() / name};
    EXPECT_TRUE(write_file_atomically(file.path, text));
    return import_events({&file, 1}, {.types = &types, .screen = screen}, *directory).value();
  };
  for (const std::string day : {"1", "2", "3"}) {
    EXPECT_EQ(import("day-" + day + ".csv", 200, ScreenRules()).accepted, 200u);
  }
  const ImportSummary stopped = import("day-4.csv", 5000, ScreenRules());
  EXPECT_EQ(stopped.accepted, 0u);
  ASSERT_EQ(stopped.set_aside.size(), 1u);
  EXPECT_THAT(stopped.set_aside[0].reasons, ElementsAre(HasSubstr("5000 rows; 200 are usual")));
  const auto waiting = list_set_aside(directory->root()).value();
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_EQ(waiting[0].path.filename(), "day-4.csv");
  EXPECT_FALSE(directory->state().catalogue().view().find("day-4.csv"));
  // Released: taken in as it is, and from then on a part of what is usual.
  EXPECT_EQ(import("day-4.csv", 5000, std::nullopt).accepted, 5000u);
  ASSERT_TRUE(drop_set_aside(directory->root(), waiting[0].id));
  EXPECT_THAT(list_set_aside(directory->root()).value(), IsEmpty());
}

}  // namespace
}  // namespace palate
