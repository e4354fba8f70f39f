// Whatever the text, reading ends; what is read fits, and is written and read back as the same.
#include <cstdlib>

#include "infer/network_spec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto spec = palate::NetworkSpec::from_json(text);
  if (!spec) return 0;
  if (!spec->check()) std::abort();
  const std::string written = spec->to_json();
  const auto again = palate::NetworkSpec::from_json(written);
  if (!again || again->to_json() != written) std::abort();
  return 0;
}
