// A release as JSON and back (docs/formats/release.md). Pure functions, thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "registry/registry.h"

namespace palate {

inline constexpr uint32_t kReleaseFormat = 1;

// Errors: kInvalidArgument where the note is no UTF-8.
Result<std::string> to_json(const Release& release);
// Errors: kCorrupt with the field's name, kUnsupportedVersion.
Result<Release> release_from_json(std::string_view text);

}  // namespace palate
