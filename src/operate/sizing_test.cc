#include "operate/sizing.h"

#include <gtest/gtest.h>

namespace palate {
namespace {

uint64_t disk_of_database(const Sizing& sizing) {
  return sizing.disk[0].bytes + sizing.disk[1].bytes + sizing.disk[2].bytes;
}

// The worlds of docs/sizing.md: resident KiB of a server just started, bytes of the database.
struct Measured {
  uint64_t users, items, events, dimensions, described, resident_kib, database;
};

TEST(Sizing, IsWithinTenPercentOfWhatWasMeasured) {
  const std::vector<Measured> worlds{
      {1'000, 200, 99'062, 64, 200, 36'644, 1'245'517},
      {5'000, 2'000, 502'448, 64, 2'000, 59'152, 6'241'365},
      {20'000, 2'000, 1'992'834, 64, 2'000, 88'256, 26'409'364},
      {5'000, 20'000, 500'429, 64, 20'000, 82'164, 7'693'037},
      {40'000, 8'000, 3'922'458, 64, 8'000, 135'484, 56'435'219},
      {53'424, 10'000, 5'976'479, 64, 0, 122'036, 82'983'973},
  };
  for (const Measured& world : worlds) {
    const Sizing sizing = predict_sizes({.users = world.users,
                                         .items = world.items,
                                         .events = world.events,
                                         .dimensions = world.dimensions,
                                         .items_described = world.described});
    const auto resident = static_cast<double>(world.resident_kib) * 1024;
    const auto database = static_cast<double>(world.database);
    EXPECT_NEAR(static_cast<double>(Sizing::total(sizing.memory)), resident, resident / 10)
        << world.events << " events, " << world.items << " items";
    EXPECT_NEAR(static_cast<double>(disk_of_database(sizing)), database, database / 10)
        << world.events << " events, " << world.items << " items";
  }
}

TEST(Sizing, NothingTakesTheProgramOnly) {
  const Sizing sizing = predict_sizes({});
  EXPECT_EQ(Sizing::total(sizing.memory) - sizing.memory[0].bytes, sizeof(uint64_t) * 1)
      << "one slot for identities";
}

TEST(Sizing, GrowsWithEachSize) {
  const SizingInput base{.users = 1'000, .items = 1'000, .events = 1'000'000};
  const auto both = [](const SizingInput& input) {
    const Sizing sizing = predict_sizes(input);
    return Sizing::total(sizing.memory) + Sizing::total(sizing.disk);
  };
  for (uint64_t SizingInput::* size :
       {&SizingInput::users, &SizingInput::items, &SizingInput::events, &SizingInput::dimensions}) {
    SizingInput larger = base;
    larger.*size *= 4;
    EXPECT_GT(both(larger), both(base));
  }
}

}  // namespace
}  // namespace palate
