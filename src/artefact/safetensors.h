// Safetensors, the container of tensors: 8 bytes header length (little-endian), a JSON header, then
// the data. Ours starts every tensor at a multiple of 64 bytes of the file; since the format allows
// no holes, the gaps are U8 tensors named "_pad.<n>", which the reader hides
// (docs/formats/artefact.md). Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "artefact/artefact.h"
#include "base/result.h"

namespace palate {

inline constexpr size_t kTensorAlignment = 64;
inline constexpr size_t kSafetensorsHeaderBytesMax = size_t{16} << 20;
inline constexpr size_t kTensorRankMax = 8;

// A tensor to be written.
struct TensorSpec {
  std::string name;
  DType type = DType::kF32;
  std::vector<uint64_t> shape;
};

// How a file of these tensors begins, and where each tensor's bytes go, in the order given.
struct SafetensorsLayout {
  std::string head;                 // length and header, padded to kTensorAlignment
  std::vector<uint64_t> pad_bytes;  // zeros to write behind each tensor
};
// Precondition: names are unique, none is reserved ("__metadata__", "_pad.…"), sizes do not
// overflow.
SafetensorsLayout layout_safetensors(std::span<const TensorSpec> tensors);

struct NamedTensor {
  std::string name;
  TensorView view;  // into the bytes that were parsed
};
// The tensors of a file, ascending by name. Never reads outside `file`, whatever it holds. Errors:
// kCorrupt with the tensor's name and what does not fit, kUnsupportedVersion for an unknown dtype.
Result<std::vector<NamedTensor>> parse_safetensors(std::span<const std::byte> file);

// dtype times shape, or nullopt when it does not fit 63 bits.
std::optional<uint64_t> tensor_bytes(DType type, std::span<const uint64_t> shape);

}  // namespace palate
