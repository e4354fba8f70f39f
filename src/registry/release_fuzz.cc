// Any text as a release's file: refused, or written and read back as the same.
#include "base/check.h"
#include "registry/release.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace palate;
  const auto release = release_from_json({reinterpret_cast<const char*>(data), size});
  if (!release) return 0;
  const auto text = to_json(*release);
  PALATE_CHECK(text.has_value(), "what was read can be written");
  const auto back = release_from_json(*text);
  PALATE_CHECK(back && to_json(*back).value() == *text, "reads back differently");
  return 0;
}
