// What one file or directory is, and whether it is whole: a dictionary, a file of vectors, an
// artefact, a dataset. Needs no data directory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artefact/artefact.h"
#include "base/file.h"
#include "base/result.h"
#include "ids/dictionary.h"

namespace palate {

struct Inspection {
  std::string path;
  std::string kind;  // "dictionary", "vectors", "artefact" or "dataset"
  uint64_t bytes_on_disk = 0;
  // What the checksums cover: "all bytes"; for a bare file of vectors, which has none, "the
  // layout".
  std::string_view verified;

  struct DictionaryFacts {
    uint64_t keys = 0;
    uint32_t fingerprint_bits = 0;  // 0: whole hashes
    DictionaryBytes bytes;
    std::vector<std::string> first_keys;  // up to ten
  };
  std::optional<DictionaryFacts> dictionary;  // the file itself, or an artefact's items

  struct Tensor {
    std::string name;
    std::string_view type;
    std::vector<uint64_t> shape;
    uint64_t bytes = 0;
    // Of F32 and F64: values that are no number or infinite.
    uint64_t not_finite = 0;
  };
  std::vector<Tensor> tensors;
  std::optional<Manifest> manifest;      // of an artefact or dataset
  uint64_t users = 0, interactions = 0;  // of a dataset
};

// Reads everything and holds it against its checksums. Errors: kNotFound; kInvalidArgument for what
// is none of these kinds (says which command to use for a data directory); kCorrupt and
// kUnsupportedVersion with the file's name.
Result<Inspection> inspect(const Path& path);

}  // namespace palate
