// manifest.json as text and back (docs/formats/artefact.md). The text carries its own checksum in
// its first line, so that a flipped byte anywhere in it is found. Pure functions, thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "artefact/artefact.h"
#include "base/ids.h"
#include "base/result.h"

namespace palate {

inline constexpr uint32_t kArtefactFormat = 1;  // what this version writes and understands
inline constexpr size_t kManifestBytesMax = size_t{16} << 20;
inline constexpr std::string_view kManifestFile = "manifest.json";
inline constexpr std::string_view kTensorsFile = "tensors.safetensors";
inline constexpr std::string_view kItemNamesFile = "items.dictionary";  // ids/dictionary.h

// Errors: kInvalidArgument where a text field is no UTF-8 or a *_json field is no JSON of its kind.
Result<std::string> to_json(const Manifest& manifest);
// Errors: kUnsupportedVersion when it asks for a newer reader; kCorrupt with the field's name when
// one is missing, unknown, or of another type, and when the checksum differs.
Result<Manifest> manifest_from_json(std::string_view text);

// True for the names that a file of an artefact may have: letters, digits, '.', '_', '-'; no dot in
// front.
bool is_artefact_file_name(std::string_view name);

// Manifest::as_of_json and back. Errors: kCorrupt.
std::string as_of_to_json(const AsOf& as_of);
Result<AsOf> as_of_from_json(std::string_view json);

}  // namespace palate
