#include <cstdlib>

#include "recommend/cursor.h"

using palate::decode_cursor;
using palate::encode_cursor;

// Whatever comes in: refused, or something that is written and read back as it was. The fuzzer does
// not know the key, so its bytes are tried as a cursor and, signed, as a cursor's content.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const palate::KeyedHash hash(palate::KeyedHash::Key{1}, palate::Tenant{});
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const std::string& text : {std::string(bytes), palate::signed_cursor(bytes, hash)}) {
    const auto cursor = decode_cursor(text, hash, {0});
    if (!cursor) continue;
    const std::string written = encode_cursor(*cursor, hash);
    const auto again = decode_cursor(written, hash, {0});
    if (!again || encode_cursor(*again, hash) != written) std::abort();
  }
  return 0;
}
