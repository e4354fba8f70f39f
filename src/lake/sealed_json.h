// A JSON object whose first field is the checksum of the rest of the text, so that a flipped bit is
// found before a field is believed. Pure functions, thread-safe.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"

namespace palate::lake {

// `object` gets "checksum" in front. Text that is no UTF-8 is replaced, never thrown about.
std::string seal(const nlohmann::ordered_json& object);
// Checks the bytes and that "format" is not newer than `format_max`. Errors: kCorrupt,
// kUnsupportedVersion.
Result<nlohmann::ordered_json> unseal(std::string_view text, uint32_t format_max);

// Fields of an object. Errors: kCorrupt names the field.
Result<uint64_t> whole_number(const nlohmann::ordered_json& object, const char* key);
Result<int64_t> integer(const nlohmann::ordered_json& object, const char* key);
Result<std::string> text_of(const nlohmann::ordered_json& object, const char* key);
Result<const nlohmann::ordered_json*> list_of(const nlohmann::ordered_json& object,
                                              const char* key);

}  // namespace palate::lake
