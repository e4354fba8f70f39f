// What people of a simulated world truly like, for benches that ask them: a first line with the
// names of all items that are released on the last day, then a line a user with how much each
// attracts him.
//   truth_table USERS [--simulate.users=… --simulate.items=… …]
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "simulate/truth/truth.h"
#include "world_flags.h"

namespace palate {
namespace {

int print(std::span<char*> arguments) {
  const World world = bench::world_of(arguments.subspan(2));
  const Truth truth(world);
  const auto day = static_cast<double>(world.config().days);
  const int64_t end_us = world.start().us + world.config().days * kDayUs;
  std::vector<uint32_t> items;
  std::string names;
  for (uint32_t item = 0; item < world.items(); ++item) {
    const ItemRecord record = world.item(item);
    if (record.released.us > end_us) continue;
    items.push_back(item);
    names += (names.empty() ? "" : ",") + record.id;
  }
  std::puts(names.c_str());
  const auto wanted = static_cast<uint32_t>(std::strtoul(arguments[1], nullptr, 10));
  for (uint32_t user = 0, printed = 0; user < world.users() && printed < wanted; ++user) {
    if (truth.malice(user) != Malice::kNone) continue;
    ++printed;
    std::string line;
    for (const uint32_t item : items) {
      line += fmt::format("{}{:.5f}", line.empty() ? "" : ",", truth.attraction(user, item, day));
    }
    std::puts(line.c_str());
  }
  return 0;
}

}  // namespace
}  // namespace palate

int main(int count, char** arguments) {
  if (count < 2) {
    std::fputs("truth_table USERS [--simulate.users=...]\n", stderr);
    return 2;
  }
  return palate::print({arguments, static_cast<size_t>(count)});
}
