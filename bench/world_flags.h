// The flags of [simulate] for benchmarks that make a world of their own.
#pragma once

#include <span>
#include <string_view>

#include "base/check.h"
#include "base/config.h"
#include "simulate/world.h"

namespace palate::bench {

// --simulate.users=1000 and the like. Ends the program where one is wrong.
inline World world_of(std::span<char*> flags) {
  SimulateConfig config;
  ConfigSchema schema;
  schema.add("simulate", config);
  for (const std::string_view flag : flags) {
    const size_t equals = flag.find('=');
    PALATE_CHECK(flag.starts_with("--") && equals != std::string_view::npos, "a flag is wrong");
    const auto done = schema.apply_flag(flag.substr(2, equals - 2), flag.substr(equals + 1));
    PALATE_CHECK(done.has_value(), "a flag is wrong");
  }
  auto world = World::make(config);
  PALATE_CHECK(world.has_value(), "the config makes no sense");
  return *std::move(world);
}

}  // namespace palate::bench
