// The network of the comparison: DCNv2 (Wang et al. 2021) over 26 fields of 16 columns, 13 of them
// the request's, with three low-rank crosses and an MLP of 512, 256 and 1.
#pragma once

#include <cstdint>
#include <filesystem>

#include "infer/network_spec.h"

// Whether the MLP reads the last cross or, beside the crosses, the fields.
enum class Topology : uint8_t { kStacked, kParallel };

struct DeepCross {
  Topology topology = Topology::kStacked;
  uint32_t rows = 100'000;  // of each table
};

inline constexpr uint32_t kFields = 26, kRequestFields = 13, kFieldWidth = 16;

palate::NetworkSpec deep_cross(const DeepCross& shape);
// One sparse field of the candidate, [rows × 32], and layers of 128, 64 and 1.
palate::NetworkSpec large_table(uint32_t rows);
// Its tensors, the table in 8 bits; as much memory as the table is needed.
palate::Status write_large_table(uint32_t rows, const std::filesystem::path& path);

// Weights and tables are drawn; an artefact at `path`.
palate::Status write_deep_cross(const DeepCross& shape, const std::filesystem::path& path);
