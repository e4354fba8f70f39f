// What a model is on disk: a directory that never changes once written, holding manifest.json and
// one file tensors.safetensors (docs/formats/artefact.md). Datasets use the same container.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/file.h"
#include "base/result.h"

namespace palate {

enum class DType : uint8_t {
  kF32,
  kF64,
  kI64,
  kU64,
  kI32,
  kU32,
  kU16,
  kI16,
  kU8,
  kI8,
  kBF16,
  kBool
};
size_t dtype_bytes(DType type);
std::string_view dtype_name(DType type);  // as safetensors writes it: "F32", "I64", …
template <class T>
DType dtype_of();

// A tensor inside a mapped file: row-major, little-endian. Valid while the Artefact lives.
struct TensorView {
  DType type = DType::kF32;
  std::vector<uint64_t> shape;
  std::span<const std::byte> bytes;
  [[nodiscard]] uint64_t rows() const { return shape.empty() ? 1 : shape[0]; }
  [[nodiscard]] uint64_t cols() const { return shape.size() < 2 ? 1 : shape[1]; }
};

struct NamedTensor;

// What manifest.json says. Fields that do not apply are empty or zero.
struct Manifest {
  uint32_t format = 1;      // of the artefact layout
  uint32_t reader_min = 1;  // the oldest reader that understands it
  std::string kind;         // "als", "popularity", "dataset"
  std::string version;      // "000017", given by the registry
  std::string tenant = "default";
  std::string created;       // RFC 3339
  std::string code_version;  // of palate
  uint64_t seed = 0;
  std::string config_json = "{}";   // the model's own config, one JSON object
  std::string metrics_json = "{}";  // of the training run
  std::string details_json = "{}";  // kind-specific
  std::string as_of_json =
      "[]";  // the positions that it was made from: [{"stream":"events","partition":0,"offset":9}]
  uint64_t items = 0;      // how many items its dictionary has: the first `items` of the item log …
  std::string dictionary;  // … and the 32 hex digits of their hash: a mismatch is refused
  std::string feature_spec;                      // 16 hex digits
  std::string event_types;                       // 16 hex digits of EventTypes::fingerprint()
  std::map<std::string, std::string> checksums;  // file name to 32 hex digits (XXH3-128)
};

class ArtefactWriter {
 public:
  // Starts an artefact that will appear at `final_path`. Nothing is there before commit().
  static Result<ArtefactWriter> create(const Path& final_path);
  ArtefactWriter(ArtefactWriter&&) noexcept;
  ~ArtefactWriter();

  Manifest manifest;  // to be filled in before commit(); checksums are the writer's

  // Copies or references `data` (it must live until commit()). Names are unique.
  void add(std::string name, DType type, std::vector<uint64_t> shape,
           std::span<const std::byte> data);
  template <class T>
  void add(std::string name, std::vector<uint64_t> shape, std::span<const T> data) {
    add(std::move(name), dtype_of<T>(), std::move(shape), std::as_bytes(data));
  }
  // The same for data that would not live until commit(): the writer takes it over.
  template <class T>
  void add(std::string name, std::vector<uint64_t> shape, std::vector<T>&& data) {
    auto owner = std::make_shared<const std::vector<T>>(std::move(data));
    add(std::move(name), dtype_of<T>(), std::move(shape), std::as_bytes(std::span(*owner)));
    keep(std::move(owner));
  }
  // Keeps what a tensor's data belongs to alive until commit().
  void keep(std::shared_ptr<const void> owner);
  // A small text file beside the tensors (report.md), checksummed too.
  Status add_file(std::string_view name, std::string_view text);
  // The same for a file that somebody else writes: a path for it, then add_written() once it is
  // there.
  [[nodiscard]] Path path_of(std::string_view name) const;
  Status add_written(std::string_view name);
  // Writes, syncs, renames. Errors: kNoSpace, kIo, kAlreadyExists.
  Status commit();

 private:
  struct State;
  explicit ArtefactWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// An opened artefact: manifest and mapped tensors. Immutable, thread-safe; share it by shared_ptr.
class Artefact {
 public:
  // Checks the manifest, every checksum (`verify`), and that tensors lie inside the file. Errors:
  // kNotFound, kCorrupt (names file and what differs), kUnsupportedVersion.
  static Result<std::shared_ptr<const Artefact>> open(const Path& path, bool verify = true);
  ~Artefact();

  [[nodiscard]] const Manifest& manifest() const;
  [[nodiscard]] const Path& path() const;
  // Errors: kCorrupt when absent, of another type, or of another rank than `rank`.
  [[nodiscard]] Result<TensorView> tensor(std::string_view name, DType type, size_t rank) const;
  template <class T>
  [[nodiscard]] Result<std::span<const T>> vector(std::string_view name) const {
    auto view = tensor(name, dtype_of<T>(), 1);
    if (!view) return std::unexpected(view.error());
    return std::span<const T>(reinterpret_cast<const T*>(view->bytes.data()), view->shape[0]);
  }
  [[nodiscard]] std::span<const NamedTensor> tensors() const;  // ascending by name; safetensors.h
  [[nodiscard]] uint64_t bytes_on_disk() const;

 private:
  struct State;
  explicit Artefact(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

template <>
inline DType dtype_of<float>() {
  return DType::kF32;
}
template <>
inline DType dtype_of<double>() {
  return DType::kF64;
}
template <>
inline DType dtype_of<int64_t>() {
  return DType::kI64;
}
template <>
inline DType dtype_of<uint64_t>() {
  return DType::kU64;
}
template <>
inline DType dtype_of<int32_t>() {
  return DType::kI32;
}
template <>
inline DType dtype_of<uint32_t>() {
  return DType::kU32;
}
template <>
inline DType dtype_of<uint16_t>() {
  return DType::kU16;
}
template <>
inline DType dtype_of<int16_t>() {
  return DType::kI16;
}
template <>
inline DType dtype_of<uint8_t>() {
  return DType::kU8;
}
template <>
inline DType dtype_of<int8_t>() {
  return DType::kI8;
}

}  // namespace palate
