#include <cstdlib>

#include "recommend/cursor.h"

// Whatever comes in: refused, or exactly what the encoder makes of it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto cursor = palate::decode_cursor(text);
  if (cursor && palate::encode_cursor(*cursor) != text) std::abort();
  return 0;
}
