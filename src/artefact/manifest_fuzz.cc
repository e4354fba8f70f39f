// Whatever the text, reading ends; what is read is written and read back as the same. A good
// checksum is put in front of the rest too, so that mutations get past it.
#include <cstdlib>

#include "artefact/manifest.h"
#include "base/hash.h"

namespace {

void read_and_write(std::string_view text) {
  const auto manifest = palate::manifest_from_json(text);
  if (!manifest) return;
  const auto written = palate::to_json(*manifest);
  if (!written) std::abort();
  const auto again = palate::manifest_from_json(*written);
  if (!again) std::abort();
  const auto rewritten = palate::to_json(*again);
  if (!rewritten || *rewritten != *written) std::abort();
  const auto as_of = palate::as_of_from_json(manifest->as_of_json);
  if (!as_of) return;
  const auto same = palate::as_of_from_json(palate::as_of_to_json(*as_of));
  if (!same || *same != *as_of) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_and_write(text);
  const size_t line = text.find("\",\n");
  if (line == std::string_view::npos) return 0;
  const std::string rest(text.substr(line + 3));
  read_and_write("{\n  \"checksum\": \"" + palate::to_hex(palate::hash128(rest)) + "\",\n" + rest);
  return 0;
}
