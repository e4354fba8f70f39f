// Any text as each of the lake's JSON files, with its own checksum and with a right one: refused,
// or written and read back as the same.
#include <string>

#include "base/check.h"
#include "base/hash.h"
#include "lake/manifest.h"
#include "lake/tombstones.h"

namespace {

using namespace palate;
using namespace palate::lake;

template <class Value>
void try_reading(Result<Value> (*read)(std::string_view), std::string_view text) {
  const auto value = read(text);
  if (!value) return;
  const std::string written = to_json(*value);
  const auto back = read(written);
  PALATE_CHECK(back && to_json(*back) == written, "reads back differently");
}

void try_all(std::string_view text) {
  try_reading<Manifest>(manifest_from_json, text);
  try_reading<Tombstone>(tombstone_from_json, text);
  try_reading<std::vector<Forgotten>>(forgotten_from_json, text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_all(text);
  PALATE_CHECK(current_number(text) == 0 || current_line(current_number(text)) == text,
               "a number that CURRENT does not hold");
  // Behind the checksum, where most of the fuzzer's texts would end.
  const std::string rest = "\"," + std::string(text);
  try_all("{\"checksum\":\"" + to_hex(hash128(rest)) + rest);
  return 0;
}
