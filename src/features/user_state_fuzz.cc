// Any bytes as a user's state: refused, or a state that is written and read back as the same.
#include "base/check.h"
#include "features/history.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace palate;
  static const EventTypes types = EventTypes::defaults();
  const auto state = decode_user_state({reinterpret_cast<const char*>(data), size}, types);
  if (!state) return 0;
  const std::string bytes = encode_user_state(*state, types);
  const auto back = decode_user_state(bytes, types);
  PALATE_CHECK(back && encode_user_state(*back, types) == bytes, "reads back differently");
  return 0;
}
