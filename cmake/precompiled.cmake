# Headers that nearly every source includes, parsed once: worth a third of clang's time, and nothing with g++ 12.
if(NOT PALATE_PRECOMPILED)
  return()
endif()
# ccache takes what it precompiled for the same as long as its contents are.
target_compile_options(palate_options INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
target_compile_options(palate_options INTERFACE -pthread)  # or not, but everybody the same
set(palate_precompiled <algorithm> <array> <atomic> <chrono> <cmath> <cstring> <filesystem> <functional> <map> <memory>
  <mutex> <optional> <ranges> <set> <span> <stop_token> <string> <thread> <unordered_map> <vector> <fmt/format.h>
  <nlohmann/json.hpp>)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled.cc CONTENT "int main() {}\n")
add_library(palate_precompiled STATIC ${CMAKE_BINARY_DIR}/precompiled.cc)
target_link_libraries(palate_precompiled PRIVATE palate_options fmt::fmt nlohmann_json::nlohmann_json)
target_precompile_headers(palate_precompiled PRIVATE ${palate_precompiled})
if(PALATE_TESTS)
  add_executable(palate_precompiled_tests ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_link_libraries(palate_precompiled_tests PRIVATE palate_options fmt::fmt nlohmann_json::nlohmann_json GTest::gmock)
  target_compile_options(palate_precompiled_tests PRIVATE -O0)
  target_precompile_headers(palate_precompiled_tests PRIVATE ${palate_precompiled} <gmock/gmock.h> <gtest/gtest.h>)
endif()
