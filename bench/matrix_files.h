// What the benchmarks of training read: arrays that the Python side wrote (numpy's tofile) into a
// folder, and how much memory this program took.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "dataset/dataset.h"

namespace palate::bench {

// Ends the program where there is no such file.
template <class T>
std::vector<T> read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) {
    fmt::print(stderr, "cannot read {}\n", path);
    std::exit(3);
  }
  std::vector<T> out(static_cast<size_t>(file.tellg()) / sizeof(T));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(out.data()),
            static_cast<std::streamsize>(out.size() * sizeof(T)));
  return out;
}

inline void write_all(const std::string& path, std::span<const float> values) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size_bytes()));
}

// start.u64, index.u32, value.f32 (users by items, CSR) and shape.u64 (rows, cols).
inline SparseMatrix read_matrix(const std::string& directory) {
  const auto shape = read_all<uint64_t>(directory + "/shape.u64");
  return {.rows = shape.at(0),
          .cols = shape.at(1),
          .start = read_all<uint64_t>(directory + "/start.u64"),
          .index = read_all<uint32_t>(directory + "/index.u32"),
          .value = read_all<float>(directory + "/value.f32")};
}

// Of this program alone: getrusage() counts what the parent held before exec too.
inline double peak_mb() {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;) {
    double kib = 0;
    if (word == "VmHWM:" && file >> kib) return kib / 1024;
  }
  return 0;
}

}  // namespace palate::bench
